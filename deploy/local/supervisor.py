"""Supervises processes: starts them, waits until they are ready, restarts them with back-off, and stops them."""

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

from deploy.local.processes import LocalProcess, RunFolder, whole_environment
from gateway.die_with_parent import die_with_parent

TICK_SECONDS = 0.05
PROBE_SECONDS = 0.5
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0
# After this long, a crash is not a failed start: the back-off starts again.
STABLE_SECONDS = 20.0
STOP_SECONDS = 9.0
TAIL_LINES = 8


@dataclass(frozen=True)
class ProcessEvent:
    """A process started, became `ready`, `died` (with `detail`) or `stopped`."""

    process: str
    what: str
    detail: str = ""
    seconds: float = 0.0


@dataclass
class WatchedProcess:
    """A process and its state."""

    process: LocalProcess
    popen: subprocess.Popen[bytes] | None = None
    ready: bool = False
    started: float = 0.0
    backoff: float = FIRST_BACKOFF_SECONDS
    start_at: float = 0.0
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs `processes` and passes events to `tell`. Single-threaded; handles no signals."""

    processes: list[LocalProcess]
    folder: RunFolder
    tell: Callable[[ProcessEvent], None]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    watched: list[WatchedProcess] = field(init=False)

    def __post_init__(self) -> None:
        self.watched = [WatchedProcess(process) for process in self.processes]

    @property
    def all_ready(self) -> bool:
        """Whether every process is ready."""
        return all(one.ready for one in self.watched)

    def tick(self) -> None:
        """Checks every process once."""
        for one in self.watched:
            if one.popen is None:
                if time.monotonic() >= one.start_at:
                    self._start(one)
            elif one.popen.poll() is not None:
                self._restart_later(one)
            elif not one.ready and _responds(one.process.ready_url):
                one.ready = True
                self.tell(ProcessEvent(one.process.name, "ready", seconds=time.monotonic() - one.started))

    def stop(self) -> None:
        """Stops every process: SIGTERM, then SIGKILL after STOP_SECONDS."""
        alive = [one for one in self.watched if one.popen is not None]
        for one in alive:
            _signal(one, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for one in alive:
            assert one.popen is not None  # noqa: S101  # filtered above
            try:
                one.popen.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(one, signal.SIGKILL)
                one.popen.wait()
            # Processes that it left behind in its group.
            _signal(one, signal.SIGKILL)
            self.tell(ProcessEvent(one.process.name, "stopped"))
            one.popen = None

    def _start(self, one: WatchedProcess) -> None:
        with self.folder.log(one.process.name).open("ab") as log:
            one.popen = subprocess.Popen(
                die_with_parent(list(one.process.command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=whole_environment(one.process, self.environment),
                # Only the supervisor receives Ctrl-C.
                start_new_session=True,
            )
        one.started = time.monotonic()
        self.tell(ProcessEvent(one.process.name, "started"))

    def _restart_later(self, one: WatchedProcess) -> None:
        assert one.popen is not None  # noqa: S101  # only called for a started process
        lived = time.monotonic() - one.started
        one.backoff = FIRST_BACKOFF_SECONDS if lived > STABLE_SECONDS else min(one.backoff, MAX_BACKOFF_SECONDS)
        tail = log_tail(self.folder.log(one.process.name))
        how = f"exit code {one.popen.returncode}" if one.popen.returncode >= 0 else _signal_name(-one.popen.returncode)
        self.tell(
            ProcessEvent(one.process.name, "died", f"{how}; restarting in {one.backoff:g} s\n{tail}", lived),
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


def _responds(url: str) -> bool:
    """Whether a GET returns 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _signal(one: WatchedProcess, number: signal.Signals) -> None:
    """Sends a signal to the process and everything it started."""
    if one.popen is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.popen.pid, number)


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(number).name}"
    return f"killed by signal {number}"
