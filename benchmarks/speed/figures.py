"""Raw measurements -> the figures that the report, the plot and the bounds are made from. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from benchmarks.load import Load
from benchmarks.machine import Machine
from benchmarks.speed.candidates import Candidate
from benchmarks.speed.coldstart import ColdStarts
from benchmarks.speed.growth import Growth
from benchmarks.speed.inprocess import InProcess
from benchmarks.speed.large_photo import LargePhoto
from benchmarks.speed.resnet152 import ResNet152
from benchmarks.speed.rounds import Rounds, Visit


@dataclass(frozen=True)
class Rate:
    """Medians over the rounds at one number of connections: answers per second with the extremes, latencies in s."""

    connections: int
    rate: float
    least: float
    most: float
    p50: float
    p99: float
    refused: int
    broken: int


@dataclass(frozen=True)
class Row:
    """What is known of one candidate; sizes in bytes, times in seconds."""

    name: str
    group: str
    engine: str
    rates: list[Rate]
    cold_start: float | None
    memory_first: float | None
    memory_loaded: float | None
    right: float | None
    installed: int | None
    failure: str

    def at(self, connections: int) -> Rate | None:
        """The rate at so many connections, if it was measured."""
        return next((rate for rate in self.rates if rate.connections == connections), None)


@dataclass(frozen=True)
class Limit:
    """The limit without HTTP for one engine: medians over the rounds."""

    engine: str
    ceiling: float
    way: str
    one: float
    one_decode: float
    one_infer: float
    precision: str


@dataclass
class Figures:
    """All that one run found out; what was not measured is absent."""

    machine: Machine
    plan: dict[str, Any]
    photos: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    cold_starts: list[ColdStarts] = field(default_factory=list)
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict)
    large_photo: LargePhoto | None = None
    resnet152: ResNet152 | None = None
    growths: list[Growth] = field(default_factory=list)

    def of(self, group: str, engine: str | None = None) -> list[Row]:
        """The candidates of a group."""
        return [row for row in self.rows if row.group == group and engine in (None, row.engine)]

    def limit(self, engine: str) -> Limit | None:
        """The limit without HTTP."""
        return next((limit for limit in self.limits if limit.engine == engine), None)

    def best(self, group: str, engine: str, connections: int) -> tuple[Row, Rate] | None:
        """The candidate of a group with the highest rate."""
        found = [(row, rate) for row in self.of(group, engine) if (rate := row.at(connections)) and rate.rate]
        return max(found, key=lambda pair: pair[1].rate, default=None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, text: bytes) -> Figures:
        """What `as_dict` gave; raises ValueError where it is something else."""
        return TypeAdapter(cls).validate_json(text)


def rows(candidates: Sequence[Candidate], rounds: Rounds, sizes: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """One for each candidate that was visited."""
    return [
        _row(candidate, rounds.visits[candidate.name], sizes.get(candidate.name, {}).get("bytes"))
        for candidate in candidates
        if candidate.name in rounds.visits
    ]


def limits(rounds: Rounds) -> list[Limit]:
    """One for each engine whose limit was measured."""
    return [_limit(engine, found) for engine, found in rounds.ceilings.items() if found]


def _row(candidate: Candidate, visits: Sequence[Visit], installed: int | None) -> Row:
    well = [visit for visit in visits if not visit.failure]
    return Row(
        name=candidate.name,
        group=candidate.group,
        engine=candidate.engine,
        rates=_rates(load for visit in well for load in visit.loads),
        cold_start=_median(visit.cold_start for visit in well),
        memory_first=_median(visit.memory_first for visit in well),
        memory_loaded=_median(visit.memory_loaded for visit in well),
        right=_median(visit.right for visit in well if visit.right is not None),
        installed=installed,
        failure=next((visit.failure for visit in visits if visit.failure), ""),
    )


def _rates(loads: Iterable[Load]) -> list[Rate]:
    by_count: dict[int, list[Load]] = {}
    for load in loads:
        by_count.setdefault(load.connections, []).append(load)
    # A load that nobody answered in time has no latencies; it is told among the requests that were lost.
    answered = {count: [load for load in found if load.requests] for count, found in by_count.items()}
    return [
        Rate(
            connections=count,
            rate=statistics.median(load.rate for load in found),
            least=min(load.rate for load in found),
            most=max(load.rate for load in found),
            p50=statistics.median(load.p50 for load in found),
            p99=statistics.median(load.p99 for load in found),
            refused=sum(load.refused for load in found),
            broken=sum(load.broken for load in found) + len(by_count[count]) - len(found),
        )
        for count, found in sorted(answered.items())
        if found
    ]


def _limit(engine: str, found: Sequence[InProcess]) -> Limit:
    processes = statistics.median(one.processes for one in found)
    threads = statistics.median(one.threads for one in found)
    return Limit(
        engine=engine,
        ceiling=max(processes, threads),
        way="a process per core" if processes > threads else "threads around one network",
        one=statistics.median(one.one for one in found),
        one_decode=statistics.median(one.one_decode for one in found),
        one_infer=statistics.median(one.one_infer for one in found),
        precision=found[0].precision,
    )


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None
