"""The figures of one run, as benchmark.json keeps them and as table, plot and targets read them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from benchmarks.comparison.in_process import LargePhoto, Limit
from benchmarks.comparison.rounds import ColdStarts, Visit
from benchmarks.comparison.servers import Server
from benchmarks.harness.load import Load
from benchmarks.harness.machine import Machine


@dataclass(frozen=True)
class Rate:
    """Medians over the rounds at one number of connections: 2xx responses per second with extremes, latencies in s."""

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
    """The figures of one server; sizes in bytes, times in seconds."""

    name: str
    group: str
    engine: str
    rates: list[Rate]
    cold_start: float | None
    memory_first: float | None
    memory_loaded: float | None
    accuracy: float | None
    installed: int | None
    failure: str

    def at(self, connections: int) -> Rate | None:
        """The rate at that number of connections, if it was measured."""
        return next((rate for rate in self.rates if rate.connections == connections), None)


@dataclass
class Figures:
    """Everything one run measured; what was not measured is empty."""

    machine: Machine
    plan: dict[str, Any]
    photos: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    cold_starts: list[ColdStarts] = field(default_factory=list)
    sizes: dict[str, dict[str, Any]] = field(default_factory=dict)
    large_photo: LargePhoto | None = None

    def of(self, group: str, engine: str | None = None) -> list[Row]:
        """The rows of a group, or of one engine in it."""
        return [row for row in self.rows if row.group == group and engine in (None, row.engine)]

    def limit(self, engine: str) -> Limit | None:
        return next((limit for limit in self.limits if limit.engine == engine), None)

    def best(self, group: str, engine: str, connections: int) -> tuple[Row, Rate] | None:
        """The row with the highest rate."""
        found = [(row, rate) for row in self.of(group, engine) if (rate := row.at(connections)) and rate.rate]
        return max(found, key=lambda pair: pair[1].rate, default=None)

    @classmethod
    def from_json(cls, text: bytes) -> Figures:
        """Raises ValueError if the text is not the JSON of a run's figures."""
        return TypeAdapter(cls).validate_json(text)


def row(server: Server, visits: Sequence[Visit], sizes: Mapping[str, Mapping[str, Any]]) -> Row:
    """Medians over the visits that did not fail."""
    complete = [visit for visit in visits if not visit.failure]
    return Row(
        name=server.name,
        group=server.group,
        engine=server.engine,
        rates=rates(load for visit in complete for load in visit.loads),
        cold_start=_median(visit.cold_start for visit in complete),
        memory_first=_median(visit.memory_first for visit in complete),
        memory_loaded=_median(visit.memory_loaded for visit in complete),
        accuracy=_median(visit.accuracy for visit in complete if visit.accuracy is not None),
        installed=sizes.get(server.name, {}).get("bytes"),
        failure=next((visit.failure for visit in visits if visit.failure), ""),
    )


def rates(loads: Iterable[Load]) -> list[Rate]:
    """One rate per number of connections; a load without any response counts as one broken request."""
    by_count: dict[int, list[Load]] = {}
    for load in loads:
        by_count.setdefault(load.connections, []).append(load)
    return [
        Rate(
            connections=count,
            rate=statistics.median(load.rate for load in answered),
            least=min(load.rate for load in answered),
            most=max(load.rate for load in answered),
            p50=statistics.median(load.p50 for load in answered),
            p99=statistics.median(load.p99 for load in answered),
            refused=sum(load.refused for load in answered),
            broken=sum(load.broken for load in answered) + len(found) - len(answered),
        )
        for count, found in sorted(by_count.items())
        if (answered := [load for load in found if load.requests])
    ]


def limit(found: Sequence[Limit]) -> Limit:
    """Medians over the rounds."""
    return Limit(
        engine=found[0].engine,
        rate=statistics.median(one.rate for one in found),
        seconds=statistics.median(one.seconds for one in found),
        precision=found[0].precision,
    )


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None
