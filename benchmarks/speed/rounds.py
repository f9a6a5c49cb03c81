"""The interleaved rounds: everyone once, everyone again, … and what each visit brought."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.load import Load, NoClient, load
from benchmarks.photos import Photo
from benchmarks.processes import (
    Request,
    ServerFailed,
    Tell,
    asked,
    free_ports,
    memory,
    running,
    told,
)
from benchmarks.speed.candidates import Candidate, Engine, Material
from benchmarks.speed.inprocess import InProcess

CONNECTIONS: Final = (8, 1, 32)
WARM_SECONDS: Final = 1


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, and seconds for each number of connections."""

    rounds: int
    seconds: int
    connections: tuple[int, ...] = CONNECTIONS

    def seconds_for(self, connections: int) -> int:
        """Eight connections are what most bounds are about; the others get half of the time."""
        return self.seconds if connections == CONNECTIONS[0] else max(1, self.seconds // 2)


@dataclass
class Visit:
    """One start of a candidate: seconds to its first 200, bytes of memory then and after the load, and the loads.

    `right` is the share of photos whose best label is right, where it was asked for; `failure` says what went wrong.
    """

    cold_start: float = 0.0
    memory_first: int = 0
    memory_loaded: int = 0
    loads: list[Load] = field(default_factory=list)
    right: float | None = None
    failure: str = ""


def visited(candidate: Candidate, material: Material, photos: Sequence[Photo], bodies: Path, plan: Plan) -> Visit:
    """Start a candidate, ask it in every way, end it."""
    visit = Visit()
    log = material.scratch / "logs" / f"{candidate.name}.log"
    # The services are started with the room that the catalog gives them; only more connections than that need more.
    usual = [count for count in plan.connections if count <= material.model.concurrency]
    crowded = [count for count in plan.connections if count > material.model.concurrency]
    try:
        for number, counts in enumerate(filter(None, (usual, crowded))):
            ports = free_ports(candidate.ports)
            path = candidate.path.format(model=material.model.name)
            request = Request(ports[0], path, candidate.headers, photos[0].data)
            with running(candidate.commands(material, ports, max(counts)), request, log) as cold_start:
                if number == 0:
                    visit.cold_start, visit.memory_first = cold_start, memory()
                    visit.right = _right(request, photos, material.labels)
                load(ports[0], path, candidate.headers, bodies, counts[0], WARM_SECONDS)
                for count in counts:
                    seconds = plan.seconds_for(count)
                    visit.loads.append(load(ports[0], path, candidate.headers, bodies, count, seconds))
                if number == 0:
                    visit.memory_loaded = memory()
    except (ServerFailed, NoClient, OSError) as err:
        visit.failure = str(err)
    return visit


def ceiling(engine: Engine, material: Material, bodies: Path, seconds: float) -> InProcess:
    """What the services' own modules do in a process of their own, without HTTP."""
    found = told("benchmarks.speed.inprocess", str(material.artifact(engine)), str(bodies), f"--seconds={seconds}")
    return InProcess(**found)


@dataclass
class Rounds:
    """Every visit, by candidate, and every measurement of the limit, by engine."""

    visits: dict[str, list[Visit]] = field(default_factory=dict)
    ceilings: dict[str, list[InProcess]] = field(default_factory=dict)


def measured(
    chosen: Sequence[Candidate],
    ceilings: Sequence[Engine],
    material: Material,
    photos: Sequence[Photo],
    bodies: Path,
    plan: Plan,
    tell: Tell,
) -> Rounds:
    """All rounds; `tell` hears of every step before it begins."""
    rounds = Rounds()
    for number in range(1, plan.rounds + 1):
        for candidate in chosen:
            former = rounds.visits.setdefault(candidate.name, [])
            if former and former[-1].failure:
                # What did not start will not start next time.
                continue
            tell(f"round {number}: {candidate.name}", 1)
            former.append(visited(candidate, material, photos, bodies, plan))
        for engine in ceilings:
            tell(f"round {number}: in-process-{engine}", 1)
            rounds.ceilings.setdefault(engine, []).append(ceiling(engine, material, bodies, 2 * plan.seconds))
    return rounds


def _right(request: Request, photos: Sequence[Photo], labels: Sequence[str]) -> float:
    """The share of photos whose best label is right."""
    found = 0
    for photo in photos:
        answer = asked(Request(request.port, request.path, request.headers, photo.data))
        if answer.status != 200:
            raise ServerFailed(f"answers {photo.path.name} with {answer.status}: {answer.body[:200]!r}")
        found += json.loads(answer.body)[0]["label"] == labels[photo.label]
    return found / len(photos)
