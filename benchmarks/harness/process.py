"""Processes: free ports, starting, waiting, measuring CPU and memory, ending."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import itertools
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import requests

from gateway.die_with_parent import die_with_parent

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120
STOP_SECONDS: Final = 12
POLL_SECONDS: Final = 0.002
LOG_LINES: Final = 12
PRODUCT_VARIABLES: Final = re.compile(r"GUICHET_|MODEL_|FAKE_|PORT$|HOST$|API_")
# Below those from which systems take the ports of outgoing connections, in an order of each process's own.
PORTS: Final = itertools.cycle(random.sample(range(11_000, 32_000), 21_000))
PR_SET_CHILD_SUBREAPER: Final = 36  # from Linux's prctl.h


class ProcessFailed(Exception):
    """A process did not start or ended with an error; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Command:
    """A process to start in the repository's root, with variables beyond those of `environment`."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """A request to a server on this machine."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


@dataclass(frozen=True)
class Response:
    """An HTTP response; header names are in lower case. Status 0: no response came."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Unused ports of this machine, none twice, so that a process that starts later cannot have got the same one."""
    found: list[int] = []
    while len(found) < count:
        port = next(PORTS)
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            found.append(port)
    return found


def free_port() -> int:
    return free_ports(1)[0]


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return once `condition` holds; raises TimeoutError after `seconds`."""
    until = time.monotonic() + seconds
    pause = 0.01
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"timed out after {seconds:g} s waiting for {what}")
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def responds(url: str) -> bool:
    """Whether a GET gives 200."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5).status_code == 200
    return False


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without the product's variables, plus `variables`."""
    return {name: value for name, value in os.environ.items() if not PRODUCT_VARIABLES.match(name)} | variables


def end_process(process: subprocess.Popen[Any]) -> None:
    """SIGTERM, then SIGKILL after STOP_SECONDS."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_tree(process: subprocess.Popen[Any]) -> None:
    """End the process, then kill those of its descendants that outlive it."""
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
    end_process(process)
    _kill(children)


def send(request: Request, seconds: float = START_SECONDS) -> Response:
    """Send the request on a new connection; raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection(HOST, request.port, timeout=seconds)
    try:
        connection.request(request.method, request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, response.read(), headers)
    finally:
        connection.close()


@contextmanager
def running(commands: Sequence[Command], request: Request, log: Path) -> Iterator[float]:
    """Start the commands in order and end them afterwards; yields the seconds until `request` first got a 200."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, contextlib.ExitStack() as stack:
        started = time.perf_counter()
        processes = []
        for command in commands:
            process = subprocess.Popen(
                die_with_parent(command.argv),
                cwd=ROOT,
                env=environment(**command.variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must reach only this process, which then ends the others.
            )
            stack.callback(end_tree, process)
            processes.append(process)
        _wait_for_200(processes, request, log)
        yield time.perf_counter() - started


def run_json(module: str, *arguments: str, python: str = sys.executable) -> Any:
    """Run `python -m MODULE`; returns its last output line, parsed as JSON. Raises ProcessFailed."""
    command = die_with_parent([python, "-m", module, *arguments])
    run = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise ProcessFailed(f"{module} failed:\n{run.stderr[-2000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends, so that `end_descendants` finds them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """Kill every descendant of this process."""
    _kill(descendants())


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def memory(processes: Iterable[psutil.Process] | None = None) -> int:
    """Bytes of memory (PSS) of the processes, by default all descendants of this one."""
    return sum(pss(process.pid) for process in (descendants() if processes is None else processes))


def pss(pid: int) -> int:
    """A process's bytes of memory, shared pages divided among their users (Linux); 0 if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU time the processes have used, in user and kernel mode."""
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def _wait_for_200(processes: list[subprocess.Popen[bytes]], request: Request, log: Path) -> None:
    until = time.perf_counter() + START_SECONDS
    last = "no response"
    while time.perf_counter() < until:
        if any(process.poll() is not None for process in processes):
            raise ProcessFailed(f"exited before its first response:\n{_tail(log)}")
        try:
            response = send(request)
            if response.status == http.client.OK:
                return
            last = f"last response: {response.status} {response.body[:200].decode(errors='replace')}"
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(POLL_SECONDS)
    raise ProcessFailed(f"no 200 within {START_SECONDS} s, {last}:\n{_tail(log)}")


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=STOP_SECONDS)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
