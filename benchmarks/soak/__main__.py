"""`make soak`: the whole system at twice its capacity, while its processes are killed; writes docs/soak.md.

Targets: only requests in a killed process may be lost, the system recovers by itself, overload costs little throughput,
and memory does not grow.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import default_folder, photos_in
from benchmarks.harness.process import HOST, ROOT
from benchmarks.harness.tables import milliseconds, table
from benchmarks.soak.client import Client, Failure, Sent
from benchmarks.soak.system import KEY, Sample, System, running_system

CONNECTIONS: Final = 8
SAMPLE_SECONDS: Final = 1.0
# A process dies within this time after it was killed, and its requests with it.
GRACE_SECONDS: Final = 0.2
# The share of the run after which a new process's memory has settled.
WARM_UP: Final = 0.05
LOST: Final = (Failure.BROKEN, Failure.TIMEOUT)


@dataclass
class Fault:
    """Something done to the system at the share `at` of the run; when it happened, and the first 200 after it."""

    name: str
    at: float
    cause: Callable[[System], None]
    kills: bool = True
    began: float = 0.0
    recovered: float | None = None


def faults() -> list[Fault]:
    """All faults in order of time."""
    return [
        Fault("kill -9 of the service's HTTP process", 0.20, System.kill_http_process),
        Fault("kill -9 of a worker", 0.35, System.kill_worker),
        Fault("kill -9 of Envoy", 0.50, System.kill_envoy),
        Fault("a full disk", 0.65, System.fill_disk, kills=False),
        Fault("the disk freed again", 0.75, System.free_disk, kills=False),
    ]


@dataclass(frozen=True)
class Result:
    """A soak's requests, faults and memory samples; times in seconds, capacity and rate in requests per second."""

    model: str
    seconds: float
    capacity: float
    rate: float
    sent: list[Sent]
    faults: list[Fault]
    samples: list[Sample]
    cpus: int

    @property
    def goodput(self) -> float:
        """200s per second."""
        return sum(one.ok for one in self.sent) / self.seconds

    @property
    def lost(self) -> list[Sent]:
        """Requests without a response that were not in a killed process."""
        return [one for one in self.sent if one.outcome in LOST and not self.hit_by_kill(one)]

    @property
    def memory_growth(self) -> float:
        """Median memory of the last third over that of the first, in the longest life of an HTTP process."""
        pid, _ = Counter(one.http_process for one in self.samples).most_common(1)[0]
        life = [one for one in self.samples if one.http_process == pid]
        begin, end = life[0].at + WARM_UP * self.seconds, life[-1].at
        third = (end - begin) / 3
        first = [one.size for one in life if begin <= one.at <= begin + third]
        last = [one.size for one in life if one.at >= end - third]
        return statistics.median(last) / statistics.median(first) - 1

    def percentile(self, share: float) -> float:
        """Seconds of the 200s, without those that waited for a killed process."""
        ordered = sorted(one.seconds for one in self.sent if one.ok and not self.hit_by_kill(one))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def outcomes(self) -> Counter[str]:
        """The number of requests by outcome."""
        return Counter(self._describe(one) for one in self.sent)

    def hit_by_kill(self, one: Sent) -> bool:
        """Whether the request was in flight when a process was killed, or began before the recovery."""
        return any(
            fault.kills and one.began - GRACE_SECONDS <= (fault.recovered or fault.began) and one.ended >= fault.began
            for fault in self.faults
        )

    def _describe(self, one: Sent) -> str:
        match one.outcome:
            case 200:
                return "200"
            case 422 if self.hit_by_kill(one):
                return "422, worker was killed"
            case Failure.UNCONNECTED:
                return "no connection: Envoy was down"
            case Failure.UNSENT:
                return "not sent: the client had too many requests in flight"
            case Failure():
                return "in flight in a killed process" if self.hit_by_kill(one) else "lost"
        return f"{one.outcome} {one.code}".strip()


async def soak(system: System, photos: list[bytes], seconds: float, times: float) -> Result:
    """Measure the capacity, send `times` as much for `seconds`, and cause the faults."""
    client = Client(HOST, system.port, f"/v1/models/{system.model}/predict", {"x-api-key": KEY}, photos)
    await client.closed_loop(CONNECTIONS, min(3, seconds / 10))
    client.sent.clear()
    duration = max(3.0, min(20.0, seconds / 20))
    await client.closed_loop(CONNECTIONS, duration)
    capacity = sum(one.ok for one in client.sent) / duration
    client.sent.clear()
    rate = times * capacity
    console.print(f"capacity of {system.model}: {capacity:.0f}/s; sending {rate:.0f}/s for {seconds:.0f} s")
    planned = faults()
    load = asyncio.create_task(client.open_loop(rate, seconds))
    await asyncio.gather(load, _cause(planned, system, seconds), _watch(system, load))
    await client.close()
    for fault in planned:
        fault.recovered = min((one.ended for one in client.sent if one.ok and one.began >= fault.began), default=None)
    cpus = len(system.service[0].cpu_affinity())
    return Result(system.model, seconds, capacity, rate, client.sent, planned, system.samples, cpus)


async def _cause(planned: list[Fault], system: System, seconds: float) -> None:
    began = time.monotonic()
    for fault in planned:
        await asyncio.sleep(max(0.0, began + fault.at * seconds - time.monotonic()))
        fault.began = time.monotonic()
        fault.cause(system)
        console.print(f"{fault.began - began:6.1f} s  {fault.name}")


async def _watch(system: System, load: asyncio.Task[None]) -> None:
    while not load.done():
        await asyncio.to_thread(system.sample_memory)
        await asyncio.to_thread(system.separate)
        await asyncio.wait([load], timeout=SAMPLE_SECONDS)


def report(result: Result, machine: Machine) -> str:
    """The page docs/soak.md."""
    total = len(result.sent)
    outcomes = [("sent", f"{total:,}", "100 %")]
    for words, number in result.outcomes().most_common():
        outcomes.append((words, f"{number:,}", f"{number / total:.2%}"))
    queue = milliseconds(CONNECTIONS / result.capacity, 0)
    targets = [
        ("lost, beyond the requests in a killed process", str(len(result.lost)), "0"),
        ("200s per second", f"{result.goodput:.0f}", ""),
        (
            f"… compared with the {result.capacity:.0f}/s at capacity",
            f"{result.goodput / result.capacity:.0%}",
            "≥ 90 %",
        ),
        ("p50 of the 200s, without those that waited for a restart", milliseconds(result.percentile(0.5), 0), ""),
        (f"p99 of the same; a full queue alone takes {queue}", milliseconds(result.percentile(0.99), 0), ""),
        (
            "memory of the service in the longest life of its HTTP process, last third over first",
            f"{result.memory_growth:+.1%}",
            "< 5 %",
        ),
    ]
    recoveries = [
        (
            fault.name,
            f"{fault.at * result.seconds:.0f} s",
            "never" if fault.recovered is None else f"{fault.recovered - fault.began:.2f} s",
        )
        for fault in result.faults
    ]
    sharing = (
        "The service, the gateway and the client share all CPUs: refusing requests takes time from serving others."
    )
    if result.cpus < machine.cores:
        sharing = (
            f"The service has {result.cpus} of the machine's {machine.cores} CPUs to itself. The client, the gateway"
            " and the rest use the others, as in the cloud, where callers take no time from an instance."
        )
    lines = [
        "# Soak test",
        "",
        f"Written by `make soak`, which starts the whole system for {result.model}, measures its capacity (closed loop,"
        f" {CONNECTIONS} connections, through the gateway), sends {result.rate / result.capacity:.3g} times as much"
        f" at a fixed rate for {result.seconds:.0f} seconds, and kills processes meanwhile.",
        "",
        sharing,
        "",
        *table(("requests", "number", "share"), outcomes, numbers=1),
        "",
        *table(("", "measured", "target"), targets, numbers=1),
        "",
        *table(("fault", "after", "next 200 after"), recoveries, numbers=1),
        "",
        "A full disk is simulated by forbidding the service to write to files. “No connection” counts requests sent"
        " while Envoy restarted; none of them had been accepted.",
        "",
        machine.sentence(),
        "",
    ]
    return "\n".join(lines)


def main(
    seconds: Annotated[float, typer.Option(min=10, help="Duration of the load.")] = 600,
    times: Annotated[float, typer.Option(min=1, help="The load, as a multiple of the capacity.")] = 2,
    model: Annotated[str, typer.Option(help="The model to serve.")] = "efficientnet-lite0",
    output: Annotated[Path, typer.Option(help="The page to write.")] = ROOT / "docs" / "soak.md",
) -> None:
    """Run the soak test; exit code 1 if a request was lost."""
    machine = Machine.here()
    photos = [photo.data for photo in photos_in(default_folder())]
    with tempfile.TemporaryDirectory() as folder, running_system(model, Path(folder)) as system:
        result = asyncio.run(soak(system, photos, seconds, times))
    text = report(result, machine)
    output.write_text(text, encoding="utf-8")
    console.print(text, markup=False)
    if result.lost:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
