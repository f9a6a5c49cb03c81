"""From exec to the first 200 on a prediction, over many starts, and the memory at that moment."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import Request, Tell, free_ports, memory, running
from benchmarks.speed.candidates import Candidate, Material
from services.catalog import Model


@dataclass(frozen=True)
class ColdStarts:
    """Seconds of each start, and bytes of memory after the first answer (median)."""

    model: str
    engine: str
    seconds: list[float]
    memory: float

    @property
    def p50(self) -> float:
        """The median start."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """What 95 of 100 starts stay below, without interpolation."""
        ordered = sorted(self.seconds)
        return ordered[-(-95 * len(ordered) // 100) - 1]


def measured(
    candidates: Sequence[Candidate],
    models: Sequence[Model],
    material: Material,
    photo: bytes,
    starts: int,
    tell: Tell,
) -> list[ColdStarts]:
    """Start every model as every candidate, in turns; `tell` hears of each start before it begins."""
    cases = [(candidate, replace(material, model=model)) for candidate in candidates for model in models]
    seconds: list[list[float]] = [[] for _ in cases]
    memories: list[list[int]] = [[] for _ in cases]
    for number in range(1, starts + 1):
        for place, (candidate, case) in enumerate(cases):
            tell(f"start {number}: {candidate.engine} {case.model.name}", 1)
            ports = free_ports(candidate.ports)
            request = Request(ports[0], candidate.path, candidate.headers, photo)
            log = _log(case, candidate)
            with running(candidate.commands(case, ports, 1), request, log) as took:
                seconds[place].append(took)
                memories[place].append(memory())
    return [
        ColdStarts(case.model.name, candidate.engine, taken, statistics.median(weighed))
        for (candidate, case), taken, weighed in zip(cases, seconds, memories, strict=True)
    ]


def _log(material: Material, candidate: Candidate) -> Path:
    return material.scratch / "logs" / f"start-{candidate.engine}-{material.model.name}.log"
