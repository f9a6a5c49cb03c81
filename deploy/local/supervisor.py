"""Keeps processes running: starts them, sees them become ready, restarts the dead with back-off, stops them all."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.processes import Folder, Process, whole_environment
from gateway.die_with_parent import die_with_parent

TICK_SECONDS = 0.05
PROBE_SECONDS = 0.5
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
# A process that ran so long did not die of its start: the next back-off begins anew.
STEADY_SECONDS = 20.0
STOP_SECONDS = 9.0
TAIL_LINES = 8


@dataclass(frozen=True)
class Event:
    """Something that happened to a process: `started`, `ready`, `died` (with `detail`) or `stopped`."""

    process: str
    what: str
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Watched:
    """A process and how it fares."""

    process: Process
    popen: subprocess.Popen[bytes] | None = None
    ready: bool = False
    started: float = 0.0
    backoff: float = FIRST_BACKOFF_SECONDS
    start_at: float = 0.0
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs `processes` until told to stop; `tell` hears of every event. One thread, no signals caught here."""

    processes: list[Process]
    folder: Folder
    tell: Callable[[Event], None]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    watched: list[Watched] = field(init=False)

    def __post_init__(self) -> None:
        self.watched = [Watched(process) for process in self.processes]

    @property
    def all_ready(self) -> bool:
        """Whether every process answers."""
        return all(one.ready for one in self.watched)

    def tick(self) -> None:
        """Look at every process once."""
        for one in self.watched:
            if one.popen is None:
                if time.monotonic() >= one.start_at:
                    self._start(one)
            elif one.popen.poll() is not None:
                self._bury(one)
            elif not one.ready and _answers(one.process.ready_url):
                one.ready = True
                self.tell(Event(one.process.name, "ready", seconds=time.monotonic() - one.started))

    def stop(self) -> None:
        """End every process: SIGTERM, and SIGKILL for what is still there after STOP_SECONDS."""
        alive = [one for one in self.watched if one.popen is not None]
        for one in alive:
            _signal(one, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for one in alive:
            assert one.popen is not None  # noqa: S101  # chosen above
            try:
                one.popen.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(one, signal.SIGKILL)
                one.popen.wait()
            # Whatever a process left behind in its group.
            _signal(one, signal.SIGKILL)
            self.tell(Event(one.process.name, "stopped"))
            one.popen = None

    def _start(self, one: Watched) -> None:
        with self.folder.log(one.process.name).open("ab") as log:
            one.popen = subprocess.Popen(
                die_with_parent(list(one.process.command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=whole_environment(one.process, self.environment),
                # Ctrl-C goes to the supervisor alone, which stops the others in its own way.
                start_new_session=True,
            )
        one.started = time.monotonic()
        self.tell(Event(one.process.name, "started"))

    def _bury(self, one: Watched) -> None:
        assert one.popen is not None  # noqa: S101  # only called for a process that was started
        lived = time.monotonic() - one.started
        one.backoff = FIRST_BACKOFF_SECONDS if lived > STEADY_SECONDS else min(one.backoff, LONGEST_BACKOFF_SECONDS)
        tail = log_tail(self.folder.log(one.process.name))
        how = f"exit code {one.popen.returncode}" if one.popen.returncode >= 0 else _signal_name(-one.popen.returncode)
        self.tell(
            Event(one.process.name, "died", f"{how}; starting it again in {one.backoff:g} s\n{tail}", lived),
        )
        _signal(one, signal.SIGKILL)
        one.popen, one.ready, one.deaths = None, False, one.deaths + 1
        one.start_at = time.monotonic() + one.backoff
        one.backoff *= 2


def log_tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log."""
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return ""


def _answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _signal(one: Watched, number: signal.Signals) -> None:
    """A signal for the process and all it started."""
    if one.popen is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.popen.pid, number)


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(number).name}"
    return f"killed by signal {number}"
