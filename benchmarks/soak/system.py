"""`make run` of one model as a running system whose processes can be measured and killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks.harness.process import ROOT, ProcessFailed, end_process, environment, free_ports, memory, wait_for
from gateway.die_with_parent import die_with_parent
from services.catalog import load_catalog

KEY: Final = "soak"
START_SECONDS: Final = 120


@dataclass(frozen=True)
class Sample:
    """The service's bytes of memory (PSS) at a moment (monotonic), and the process that spoke HTTP then."""

    at: float
    size: int
    http_process: int


@dataclass
class System:
    """The processes of `python -m deploy local` for one model."""

    model: str
    port: int
    supervisor: psutil.Process
    service_cpus: set[int]
    other_cpus: set[int]
    samples: list[Sample] = field(default_factory=list)

    @property
    def service(self) -> list[psutil.Process]:
        """All processes of the model's service, its first one first."""
        first = next(one for one in self.supervisor.children() if "services.classifier" in one.cmdline())
        return [first, *first.children(recursive=True)]

    @property
    def http_process(self) -> psutil.Process:
        """The service's process that holds connections."""
        processes = self.service
        return next((one for one in processes if _connected(one)), processes[0])

    def kill_http_process(self) -> None:
        self.http_process.kill()

    def kill_worker(self) -> None:
        """Kill a process that decodes and infers: one without children that speaks no HTTP."""
        http_process = self.http_process
        next(one for one in self.service if one != http_process and not one.children()).kill()

    def kill_envoy(self) -> None:
        for process in self.supervisor.children(recursive=True):
            if process.name().startswith("envoy"):
                process.kill()

    def fill_disk(self) -> None:
        """From now on the service cannot write to files, as if the disk were full."""
        self._limit_files(0)

    def free_disk(self) -> None:
        self._limit_files(psutil.RLIM_INFINITY)

    def sample_memory(self) -> None:
        with contextlib.suppress(psutil.Error, StopIteration):
            self.samples.append(Sample(time.monotonic(), memory(self.service), self.http_process.pid))

    def separate(self) -> None:
        """Run the service on its CPUs, and everything else on the others. A restarted process inherits neither."""
        with contextlib.suppress(psutil.Error, StopIteration):
            service = {one.pid for one in self.service}
            for process in [self.supervisor, *self.supervisor.children(recursive=True)]:
                cpus = self.service_cpus if process.pid in service else self.other_cpus
                # Some processes and threads end meanwhile.
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    for thread in process.threads():
                        os.sched_setaffinity(thread.id, cpus)

    def _limit_files(self, most: int) -> None:
        # Only the service: Envoy exits when it cannot write.
        for process in self.service:
            with contextlib.suppress(psutil.Error):
                process.rlimit(psutil.RLIMIT_FSIZE, (most, psutil.RLIM_INFINITY))


def _connected(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))
    return False


@contextmanager
def running_system(model: str, folder: Path) -> Iterator[System]:
    """Start the system and wait until it is ready; ends it with the block.

    The service gets as many CPUs as its catalog entry says, and everything else, this process included, the others.
    """
    port, page = free_ports(2)
    command = [sys.executable, "-m", "deploy", "local", f"--gateway-port={port}", f"--frontend-port={page}"]
    command += [f"--api-key={KEY}", f"--state={folder}"]
    cpus = os.sched_getaffinity(0)
    service_cpus = cpus_of_service(load_catalog()[model].cpu, cpus)
    os.sched_setaffinity(0, service_cpus)
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            die_with_parent(command),
            cwd=ROOT,
            env=environment(MODELS=model, COLUMNS="120"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: process.poll() is not None or b"curl " in log.read_bytes(), START_SECONDS, "the system")
        if process.poll() is not None:
            raise ProcessFailed(log.read_text(errors="replace"))
        system = System(model, port, psutil.Process(process.pid), service_cpus, cpus - service_cpus or cpus)
        system.separate()
        os.sched_setaffinity(0, system.other_cpus)
        yield system
    finally:
        os.sched_setaffinity(0, cpus)
        end_process(process)


def cpus_of_service(count: int, cpus: set[int]) -> set[int]:
    """The first `count` CPUs, or all of them if that would leave none to everything else."""
    return set(sorted(cpus)[:count]) if count < len(cpus) else cpus
