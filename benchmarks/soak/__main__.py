"""`make soak`: the whole system under twice the load it can answer, while its parts are killed; ends with a table.

What counts is that no request is lost but those that a killed process was answering, that the system answers again
by itself, that the load beyond what it can do costs it little, and that its memory does not grow.
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
from rich.console import Console

from benchmarks.machine import Machine
from benchmarks.photos import default_folder, photos_in
from benchmarks.processes import HOST, ROOT
from benchmarks.shell import run
from benchmarks.soak.arrivals import BROKEN, SILENT, UNCONNECTED, UNSENT, Client, Sent
from benchmarks.soak.system import KEY, System, Weight, system

CONNECTIONS: Final = 8
SAMPLE_SECONDS: Final = 1.0
# A request is a killed process's own if it was under way when that was killed, or began before another could answer.
GRACE_SECONDS: Final = 0.2
# Of the whole time, until a new worker's memory has found its size.
WARM_SHARE: Final = 0.05
LOST: Final = (BROKEN, SILENT)


@dataclass
class Fault:
    """Something that is done to the system `at` a share of the time, with when it was and when all was well again."""

    name: str
    at: float
    strike: Callable[[System], None]
    kills: bool = True
    began: float = 0.0
    recovered: float | None = None


def faults() -> list[Fault]:
    """In the order of their time; the disk is freed again."""
    return [
        Fault("kill -9 of the service's worker", 0.20, System.kill_worker),
        Fault("kill -9 of a process that answers", 0.35, System.kill_child),
        Fault("kill -9 of Envoy", 0.50, System.kill_envoy),
        Fault("a full disk", 0.65, System.fill_disk, kills=False),
        Fault("the disk freed again", 0.75, System.free_disk, kills=False),
    ]


@dataclass(frozen=True)
class Result:
    """What a soak found; times in seconds, memory in bytes."""

    model: str
    seconds: float
    capacity: float
    rate: float
    sent: list[Sent]
    faults: list[Fault]
    memory: list[Weight]
    processors: int

    @property
    def answered(self) -> list[Sent]:
        """The right answers."""
        return [one for one in self.sent if one.outcome == 200]

    @property
    def goodput(self) -> float:
        """Right answers per second."""
        return len(self.answered) / self.seconds

    @property
    def lost(self) -> list[Sent]:
        """Requests without an answer that no killed process was answering."""
        return [one for one in self.sent if one.outcome in LOST and not self._of_the_killed(one)]

    @property
    def growth(self) -> float:
        """Memory of the last third over that of the first, in the longest life of a worker, once it is warm."""
        workers = Counter(one.worker for one in self.memory)
        life = [one for one in self.memory if one.worker == workers.most_common(1)[0][0]]
        begin, end = life[0].at + WARM_SHARE * self.seconds, life[-1].at
        third = (end - begin) / 3
        first = [one.size for one in life if begin <= one.at <= begin + third]
        last = [one.size for one in life if one.at >= end - third]
        return statistics.median(last) / statistics.median(first) - 1

    def percentile(self, share: float) -> float:
        """Seconds that this share of the right answers took at most, but for those that waited for a killed part."""
        ordered = sorted(one.seconds for one in self.answered if not self._of_the_killed(one))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def outcomes(self) -> Counter[str]:
        """How many requests had which end, in words."""
        return Counter(self._in_words(one) for one in self.sent)

    def _of_the_killed(self, one: Sent) -> bool:
        return any(
            fault.kills and one.began - GRACE_SECONDS <= (fault.recovered or fault.began) and one.ended >= fault.began
            for fault in self.faults
        )

    def _in_words(self, one: Sent) -> str:
        match one.outcome:
            case 200:
                return "200, answered"
            case 422 if self._of_the_killed(one):
                return "422, its process was killed"
            case int():
                return f"{one.outcome} {one.code}".strip()
            case _ if one.outcome == UNCONNECTED:
                return "no connection: Envoy was down"
            case _ if one.outcome == UNSENT:
                return "not sent: the client had its hands full"
            case _ if self._of_the_killed(one):
                return "in flight in a killed process"
        return "lost"


async def soak(running: System, photos: list[bytes], seconds: float, times: float, console: Console) -> Result:
    """Find what the system can do, offer it `times` as much for `seconds`, and strike."""
    client = Client(HOST, running.port, f"/v1/models/{running.model}/predict", {"x-api-key": KEY}, photos)
    await client.keep_asking(CONNECTIONS, min(3, seconds / 10))
    client.sent.clear()
    measured = max(3.0, min(20.0, seconds / 20))
    await client.keep_asking(CONNECTIONS, measured)
    capacity = sum(one.outcome == 200 for one in client.sent) / measured
    client.sent.clear()
    console.print(
        f"{running.model} answers {capacity:.0f}/s at most; offered {times * capacity:.0f}/s for {seconds:.0f} s"
    )
    planned = faults()
    load = asyncio.create_task(client.ask_at(times * capacity, seconds))
    began = time.monotonic()
    await asyncio.gather(load, _strike(running, planned, began, seconds, console), _weigh(running, load))
    await client.close()
    for fault in planned:
        good = (one.ended for one in client.sent if one.outcome == 200 and one.began >= fault.began)
        fault.recovered = min(good, default=None)
    processors = len(running.arbiter.cpu_affinity())
    return Result(running.model, seconds, capacity, times * capacity, client.sent, planned, running.memory, processors)


async def _strike(running: System, planned: list[Fault], began: float, seconds: float, console: Console) -> None:
    for fault in planned:
        await asyncio.sleep(max(0.0, began + fault.at * seconds - time.monotonic()))
        fault.began = time.monotonic()
        fault.strike(running)
        console.print(f"{fault.began - began:6.1f} s  {fault.name}")


async def _weigh(running: System, load: asyncio.Task[None]) -> None:
    while not load.done():
        await asyncio.to_thread(running.weigh)
        await asyncio.wait([load], timeout=SAMPLE_SECONDS)


def report(result: Result, machine: Machine) -> str:
    """The page in docs, whole."""
    limit = CONNECTIONS / result.capacity
    p50, p99 = result.percentile(0.5) * 1000, result.percentile(0.99) * 1000
    lines = [
        "# The soak",
        "",
        f"`make soak` starts the whole system for {result.model}, finds what it can answer (closed loop,"
        f" {CONNECTIONS} connections, through the gateway), offers it twice as much for {result.seconds:.0f} seconds,"
        " on time and whatever becomes of it, and meanwhile kills its parts. The program writes this page.",
        "",
        f"The service has {result.processors} of the machine's {machine.cores} processors for itself; the client, the"
        " gateway and the rest have the others, since callers take no time from an instance in the cloud either."
        if result.processors < machine.cores
        else "The service, the gateway and the client share all processors: the more is refused, the less is answered.",
        "",
        "| requests | number | share |",
        "|---|---:|---:|",
        f"| sent | {len(result.sent):,} | 100 % |",
        *(
            f"| {words} | {number:,} | {number / len(result.sent):.2%} |"
            for words, number in sorted(result.outcomes().items(), key=lambda item: -item[1])
        ),
        "",
        "| what counts | found | wanted |",
        "|---|---:|---:|",
        f"| lost, beyond what a killed process was answering | {len(result.lost)} | 0 |",
        f"| right answers per second | {result.goodput:.0f} | |",
        f"| … of the {result.capacity:.0f}/s it did before, with nothing to refuse"
        f" | {result.goodput / result.capacity:.0%} | ≥ 90 % |",
        f"| p50 of the right answers, but for those that waited for a killed part | {p50:.0f} ms | |",
        f"| p99 of the same; the wait in a full queue alone is {limit * 1000:.0f} ms | {p99:.0f} ms | |",
        "| memory of the service in the longest life of a worker, last third over first"
        f" | {result.growth:+.1%} | < 5 % |",
        "",
        "| what was done to it | after | right answers again after |",
        "|---|---:|---:|",
        *(
            f"| {fault.name} | {fault.at * result.seconds:.0f} s |"
            f" {'never' if fault.recovered is None else f'{fault.recovered - fault.began:.2f} s'} |"
            for fault in result.faults
        ),
        "",
        "A full disk is made by forbidding the service to write another byte to a file. “No connection” counts what"
        " came while Envoy was being started again: nobody had accepted it.",
        "",
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.kernel},"
        f" Python {machine.python}; {machine.when}; before the run {machine.busy:.0%} of the machine was busy with"
        " something else.",
        "",
    ]
    return "\n".join(lines)


def main(
    seconds: Annotated[float, typer.Option(min=10, help="How long the load lasts.")] = 600,
    times: Annotated[float, typer.Option(min=1, help="The load, as a multiple of what the system can answer.")] = 2,
    model: Annotated[str, typer.Option(help="The model that is served.")] = "efficientnet-lite0",
    output: Annotated[Path, typer.Option(help="Where the table goes.")] = ROOT / "docs" / "soak.md",
) -> None:
    """Soak the whole system; exit code 1 if a request was lost."""
    console = Console(highlight=False, soft_wrap=True)
    machine = Machine.here()
    photos = [photo.data for photo in photos_in(default_folder())]
    with tempfile.TemporaryDirectory() as folder, system(model, Path(folder)) as running:
        result = asyncio.run(soak(running, photos, seconds, times, console))
    text = report(result, machine)
    output.write_text(text, encoding="utf-8")
    console.print(text, markup=False)
    if result.lost:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
