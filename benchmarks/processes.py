"""Servers in processes of their own: started, waited for, weighed, and ended to the last child."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from gateway.die_with_parent import die_with_parent

ROOT: Final = Path(__file__).parents[1]
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120
STOP_SECONDS: Final = 10
POLL_SECONDS: Final = 0.002
TAIL_LINES: Final = 12
# Of Linux's prctl: whose parent ends becomes our child, not init's.
PR_SET_CHILD_SUBREAPER: Final = 36
# What the machine needs; all else that a server is told stands in its command.
INHERITED: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "USER")

# Hears what comes next, and how many steps of the whole it is.
Tell = Callable[[str, int], None]


class ServerFailed(Exception):
    """A server or a program did not start, or ended badly; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Command:
    """One process: what is run from the repository's root, and the variables it is told beside the machine's own."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """What is asked of a server to see whether it answers."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A status, a body, and the headers, their names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses, all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def asked(request: Request, seconds: float = START_SECONDS) -> Answer:
    """The answer; raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection(HOST, request.port, timeout=seconds)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        return Answer(response.status, response.read(), {name.lower(): value for name, value in response.getheaders()})
    finally:
        connection.close()


def adopt_orphans() -> None:
    """Make this process the parent of whatever its children leave behind, so that `end_all` finds it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def running(commands: Sequence[Command], request: Request, log: Path) -> Iterator[float]:
    """Start the commands in order; yield the seconds from the first one's start to the first 200; end them all."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        started = time.perf_counter()
        processes = []
        try:
            for command in commands:
                processes.append(_started(command, output.fileno()))
            yield _first_answer(processes, request, log) - started
        finally:
            _stop(processes)


def told(module: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """What a program of this folder says in its last line, as JSON; raises ServerFailed where it fails."""
    run = subprocess.run(
        die_with_parent([python, "-m", module, *arguments]),
        cwd=ROOT,
        env=inherited(),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise ServerFailed(f"{module} failed:\n{run.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return said


def memory() -> int:
    """Bytes of memory of all descendants of this process; what several share is counted once (PSS)."""
    return sum(pss(child.pid) for child in psutil.Process().children(recursive=True))


def end_all() -> None:
    """Kill whatever descends from this process."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=STOP_SECONDS)


def inherited() -> dict[str, str]:
    """The variables that every child process gets."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _started(command: Command, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        die_with_parent(command.argv),
        cwd=ROOT,
        env=inherited() | dict(command.variables),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Ctrl-C is for the benchmark, which then ends its servers itself.
        start_new_session=True,
    )


def _first_answer(processes: list[subprocess.Popen[bytes]], request: Request, log: Path) -> float:
    """When the first 200 had come."""
    until = time.perf_counter() + START_SECONDS
    last = "nothing answers"
    while time.perf_counter() < until:
        if any(process.poll() is not None for process in processes):
            raise ServerFailed(f"ended before it answered:\n{_tail(log)}")
        try:
            answer = asked(request)
            if answer.status == http.client.OK:
                return time.perf_counter()
            last = f"the last answer is {answer.status} {answer.body[:200].decode(errors='replace')}"
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(POLL_SECONDS)
    raise ServerFailed(f"did not answer with 200 within {START_SECONDS} s, {last}:\n{_tail(log)}")


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
    end_all()
    for process in processes:
        process.wait()


def pss(pid: int) -> int:
    """Bytes of memory of a process, its share of what it shares with others; 0 for one that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
