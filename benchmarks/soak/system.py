"""The whole system for one model, running: its processes found, weighed, killed and kept apart."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks.processes import ROOT, free_ports
from gateway.die_with_parent import die_with_parent
from services.catalog import load_catalog

KEY: Final = "soak"
START_SECONDS: Final = 120


@dataclass(frozen=True)
class Weight:
    """Bytes of memory of the service's processes at a moment (monotonic), and which process then answered."""

    at: float
    size: int
    worker: int


@dataclass
class System:
    """What `make run` starts for one model."""

    model: str
    port: int
    supervisor: psutil.Process
    memory: list[Weight] = field(default_factory=list)

    @property
    def arbiter(self) -> psutil.Process:
        """gunicorn's, of the model's service."""
        found = [one for one in self.supervisor.children() if "services.classifier" in one.cmdline()]
        return found[0]

    @property
    def service(self) -> list[psutil.Process]:
        """All processes of the model's service."""
        arbiter = self.arbiter
        return [arbiter, *arbiter.children(recursive=True)]

    @property
    def worker(self) -> psutil.Process:
        """The process that speaks HTTP: the one with the threads."""
        return max(self.arbiter.children(), key=lambda child: child.num_threads())

    def kill_worker(self) -> None:
        self.worker.kill()

    def kill_child(self) -> None:
        """One of the processes that answer."""
        worker = self.worker
        for fork_server in self.arbiter.children():
            if fork_server != worker and (children := fork_server.children()):
                children[0].kill()

    def kill_envoy(self) -> None:
        for process in self.supervisor.children(recursive=True):
            if process.name().startswith("envoy"):
                process.kill()

    def fill_disk(self) -> None:
        """From now on the service cannot write a byte to a file: what a full disk does, and to the service alone."""
        self._limit_files(0)

    def free_disk(self) -> None:
        self._limit_files(psutil.RLIM_INFINITY)

    def weigh(self) -> None:
        """Note what the service's processes hold in memory; what they share counts once."""
        with contextlib.suppress(psutil.Error, IndexError, ValueError):
            size = sum(one.memory_full_info().pss for one in self.service)
            self.memory.append(Weight(time.monotonic(), size, self.worker.pid))

    def keep_apart(self, processors: set[int]) -> None:
        """From now on, all of the system but the model's service runs on these processors alone."""
        service = {one.pid for one in self.service}
        for process in [self.supervisor, *self.supervisor.children(recursive=True)]:
            if process.pid not in service:
                for thread in process.threads():
                    os.sched_setaffinity(thread.id, processors)

    def _limit_files(self, most: int) -> None:
        # Not Envoy: for this way of filling a disk it knows no other answer than to end.
        for process in self.service:
            with contextlib.suppress(psutil.Error):
                process.rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))


@contextmanager
def system(model: str, folder: Path) -> Iterator[System]:
    """`make run` of one model, ready; ended with the block."""
    port, page = free_ports(2)
    command = [sys.executable, "-m", "deploy", "local", f"--gateway-port={port}", f"--frontend-port={page}"]
    command += [f"--api-key={KEY}", f"--state={folder}"]
    mine = os.sched_getaffinity(0)
    given = processors_of_the_service(model)
    os.sched_setaffinity(0, given)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            die_with_parent(command),
            cwd=ROOT,
            env=os.environ | {"MODELS": model, "COLUMNS": "120"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while b"curl " not in (folder / "output").read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "output").read_text(errors="replace"))
            time.sleep(0.1)
        started = System(model, port, psutil.Process(process.pid))
        if rest := mine - given:
            started.keep_apart(rest)
            os.sched_setaffinity(0, rest)
        yield started
    finally:
        os.sched_setaffinity(0, mine)
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def processors_of_the_service(model: str) -> set[int]:
    """As many of this machine's as the catalog gives an instance, where that leaves some to everything else."""
    mine = sorted(os.sched_getaffinity(0))
    cpu = load_catalog()[model].cpu
    return set(mine[:cpu] if cpu < len(mine) else mine)
