"""Interleaved measurements: in each round every server is started, loaded and ended once."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.comparison.in_process import Limit
from benchmarks.comparison.servers import Engine, Inputs, Server
from benchmarks.harness.load import Load, LoadFailed, apply_load
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ProcessFailed, Request, free_ports, memory, run_json, running, send
from services.catalog import Model

CONNECTIONS: Final = (8, 1, 32)
WARM_UP_SECONDS: Final = 1

# Called with a description before each step.
Progress = Callable[[str], None]


@dataclass
class Visit:
    """One start of a server: seconds to its first 200, bytes of memory then and after the loads, and the loads.

    `accuracy` is the share of photos whose best label is correct; `failure` is empty if all went well.
    """

    cold_start: float = 0.0
    memory_first: int = 0
    memory_loaded: int = 0
    loads: list[Load] = field(default_factory=list)
    accuracy: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class ColdStarts:
    """Seconds of each start, and median bytes of memory after the first prediction."""

    model: str
    engine: str
    seconds: list[float]
    memory: float

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """The nearest-rank 95th percentile."""
        ordered = sorted(self.seconds)
        return ordered[-(-95 * len(ordered) // 100) - 1]


@dataclass
class Rounds:
    """All visits by server, and all measurements of the limit by engine."""

    visits: dict[str, list[Visit]] = field(default_factory=dict)
    limits: dict[str, list[Limit]] = field(default_factory=dict)


def measure_rounds(
    servers: Sequence[Server],
    engines: Sequence[Engine],
    inputs: Inputs,
    photos: Sequence[Photo],
    bodies: Path,
    rounds: int,
    seconds: int,
    progress: Progress,
) -> Rounds:
    """Measure every server, and the limit of every engine, once per round."""
    result = Rounds()
    for number in range(1, rounds + 1):
        for server in servers:
            visits = result.visits.setdefault(server.name, [])
            if visits and visits[-1].failure:
                continue
            progress(f"round {number}: {server.name}")
            visits.append(visit(server, inputs, photos, bodies, seconds))
        for engine in engines:
            progress(f"round {number}: in-process-{engine}")
            options = f"--engine={engine}", f"--artifact={inputs.artifact(engine)}", f"--seconds={2 * seconds}"
            limit = run_json("benchmarks.comparison.in_process", str(bodies), *options)
            result.limits.setdefault(engine, []).append(Limit(**limit))
    return result


def visit(server: Server, inputs: Inputs, photos: Sequence[Photo], bodies: Path, seconds: int) -> Visit:
    """Start a server, measure it at every number of connections, and end it."""
    result = Visit()
    log = inputs.scratch / "logs" / f"{server.name}.log"
    # Cold start and memory are measured with the catalog's concurrency, so more connections get a start of their own.
    usual = [count for count in CONNECTIONS if count <= inputs.model.concurrency]
    more = [count for count in CONNECTIONS if count > inputs.model.concurrency]
    try:
        for counts in filter(None, (usual, more)):
            ports = free_ports(2)
            request = server.request(inputs, ports[0], photos[0].data)
            with running(server.commands(inputs, ports, max(counts)), request, log) as cold_start:
                if not result.loads:
                    result.cold_start, result.memory_first = cold_start, memory()
                    result.accuracy = _accuracy(request, photos, inputs.labels)
                apply_load(request, bodies, counts[0], WARM_UP_SECONDS)
                for count in counts:
                    duration = seconds if count == CONNECTIONS[0] else max(1, seconds // 2)
                    result.loads.append(apply_load(request, bodies, count, duration))
                result.memory_loaded = result.memory_loaded or memory()
    except (ProcessFailed, LoadFailed, OSError) as err:
        result.failure = str(err)
    return result


def measure_cold_starts(
    servers: Sequence[Server], models: Sequence[Model], inputs: Inputs, photo: bytes, starts: int, progress: Progress
) -> list[ColdStarts]:
    """Start every server with every model in turns; a start lasts until the first prediction."""
    cases = [(server, replace(inputs, model=model)) for server in servers for model in models]
    seconds: list[list[float]] = [[] for _ in cases]
    memories: list[list[int]] = [[] for _ in cases]
    for number in range(1, starts + 1):
        for place, (server, case) in enumerate(cases):
            progress(f"start {number}: {server.engine} {case.model.name}")
            ports = free_ports(2)
            request = server.request(case, ports[0], photo)
            with running(server.commands(case, ports, 1), request, case.scratch / "logs" / "start.log") as taken:
                seconds[place].append(taken)
                memories[place].append(memory())
    return [
        ColdStarts(case.model.name, server.engine, taken, statistics.median(sizes))
        for (server, case), taken, sizes in zip(cases, seconds, memories, strict=True)
    ]


def _accuracy(request: Request, photos: Sequence[Photo], labels: Sequence[str]) -> float:
    correct = 0
    for photo in photos:
        response = send(replace(request, body=photo.data))
        if response.status != 200:
            raise ProcessFailed(f"{photo.path.name}: status {response.status}: {response.body[:200]!r}")
        correct += json.loads(response.body)[0]["label"] == labels[photo.label]
    return correct / len(photos)
