"""`python -m benchmarks.size MODEL`: the CPU, memory and concurrency that a model's catalog entry should have.

The service runs on a single core, like one Cloud Run vCPU; the client uses the others. CPU time per request is counted
by the kernel, so it is valid on a busy machine too.
"""

from __future__ import annotations

import io
import json
import math
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from PIL import Image

from benchmarks.comparison.in_process import mosaic
from benchmarks.comparison.servers import Inputs, Server, servers
from benchmarks.harness.command import console, run
from benchmarks.harness.load import LoadFailed, apply_load, require_wrk
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import default_folder, photos_in
from benchmarks.harness.process import (
    ROOT,
    ProcessFailed,
    Request,
    cpu_seconds,
    descendants,
    free_ports,
    memory,
    running,
    send,
)
from benchmarks.harness.tables import mebibytes, milliseconds
from benchmarks.scale.simulation import one_instance
from services.catalog import CatalogError, Model, catalog_path, load_catalog
from services.classifier.decoding.pixels import LARGE_BYTES

RESULTS: Final = ROOT / "benchmarks" / "results" / "sizing.json"
STARTS: Final = 5
CPUS: Final = (1, 2, 4, 8)
# Cloud Run's autoscaler aims at 60 % CPU, but reacts with a delay.
LOAD: Final = 0.8
REFUSED: Final = 0.001
SIMULATED_REQUESTS: Final = 200_000
QUANTILES: Final = 200
LARGEST_SIDE: Final = 5_000
LARGEST_BODY: Final = 10 * 2**20
# A service holds at most this many bytes of request bodies.
ALL_BODIES: Final = 64 * 2**20
MARGIN: Final = 1.15
MEMORY_STEP: Final = 128 * 2**20
LEAST_MEMORY: Final = 512 * 2**20


@dataclass(frozen=True)
class Measurements:
    """One core, in seconds and bytes; `services` are quantiles of the time of sequential requests in the service."""

    model: str
    precision: str
    processor_seconds: float
    services: list[float]
    cold_starts: list[float]
    memory_idle: int
    memory_loaded: int
    memory_12mp: int
    memory_largest: int
    machine: str


@dataclass(frozen=True)
class Proposal:
    """Values for the catalog entry, and how each was calculated."""

    cpu: int
    memory: str
    concurrency: int
    why: tuple[str, ...]


def measure(model: Model, artifacts: Path, photos: Path, seconds: int, scratch: Path) -> Measurements:
    """Measure one model's service; raises ProcessFailed or LoadFailed."""
    server = next(one for one in servers() if one.group == "direct" and one.engine == "fp16")
    inputs = Inputs(model, scratch, {"fp16": artifacts}, scratch)
    labelled = photos_in(photos)
    bodies = scratch / "bodies"
    bodies.write_text("".join(f"{photo.path}\n" for photo in labelled))
    starts = []
    for _ in range(STARTS):
        with _on_one_core(server, inputs, labelled[0].data) as (_, taken):
            starts.append(taken)
    with _on_one_core(server, inputs, labelled[0].data) as (request, _):
        idle = memory()
        service = descendants()
        apply_load(request, bodies, 4, 1)
        services = _service_times(request, [photo.data for photo in labelled], seconds)
        before = cpu_seconds(service)
        load = apply_load(request, bodies, model.concurrency, seconds)
        cpu = cpu_seconds(service) - before
        loaded = memory()
        peak_12mp = max(loaded, _peak_memory(request, mosaic([photo.path for photo in labelled])))
        peak_largest = max(peak_12mp, _peak_memory(request, largest_image()))
    return Measurements(
        model=model.name,
        precision=json.loads((artifacts / model.name / "receipt.json").read_text())["precision"],
        processor_seconds=cpu / load.requests,
        services=services,
        cold_starts=starts,
        memory_idle=idle,
        memory_loaded=loaded,
        memory_12mp=peak_12mp,
        memory_largest=peak_largest,
        machine=Machine.here().processor,
    )


def largest_image() -> bytes:
    """The accepted image that takes the most memory to decode: a WebP with the largest number of pixels."""
    data = io.BytesIO()
    Image.new("RGBA", (LARGEST_SIDE, LARGEST_SIDE), (90, 60, 30, 128)).save(data, "WEBP", lossless=True, method=0)
    return data.getvalue()


def propose(model: Model, measured: Measurements) -> Proposal:
    """cpu, memory and concurrency from the measurements and the model's deadline."""
    start, cost = max(measured.cold_starts), measured.processor_seconds
    enough = _enough_concurrency(measured.services)
    cpu = next((cpu for cpu in CPUS if start + enough * cost / cpu <= model.deadline), CPUS[-1])
    most = int((model.deadline - start) * cpu / cost)
    concurrency = min(enough, most)
    largest = measured.memory_largest - measured.memory_loaded
    bodies = min(concurrency * LARGEST_BODY, ALL_BODIES)
    # Only one large image is decoded at a time; the other workers' images are below LARGE_BYTES.
    needed = (measured.memory_loaded + largest + (cpu - 1) * LARGE_BYTES + bodies) * MARGIN
    memory_bytes = max(LEAST_MEMORY, math.ceil(needed / MEMORY_STEP) * MEMORY_STEP)
    return Proposal(
        cpu,
        f"{memory_bytes // 2**20}Mi",
        concurrency,
        (
            f"cpu: a cold start ({start:.2f} s) and {concurrency} images ({concurrency} × {milliseconds(cost, 1)} ÷"
            f" {cpu}) take {start + concurrency * cost / cpu:.2f} s; the deadline is {model.deadline:g} s. Each vCPU"
            f" serves {1 / cost:.0f} requests/s, so more instances do the same as more vCPUs.",
            f"concurrency: at {LOAD:.0%} load, {enough} admits all but {REFUSED:.1%} of requests (simulated, Poisson"
            f" arrivals); the deadline would allow ({model.deadline:g} − {start:.2f}) s × {cpu}"
            f" ÷ {milliseconds(cost, 1)} = {most:,}.",
            f"memory: {mebibytes(measured.memory_loaded)} under load + {mebibytes(largest)} for the largest image"
            f" + {cpu - 1} × {mebibytes(LARGE_BYTES)} for images decoded beside it + {mebibytes(bodies)} for bodies"
            f" + {MARGIN - 1:.0%} = {mebibytes(needed)}; at least {mebibytes(LEAST_MEMORY)}.",
        ),
    )


def _enough_concurrency(services: Sequence[float]) -> int:
    """The smallest concurrency that refuses at most the share REFUSED of requests."""
    for concurrency in range(2, 1000):
        if one_instance(services, 1, concurrency, LOAD, SIMULATED_REQUESTS).refused <= REFUSED:
            return concurrency
    return 1000


@contextmanager
def _on_one_core(server: Server, inputs: Inputs, photo: bytes) -> Iterator[tuple[Request, float]]:
    """The service on the first of this process's cores, which uses the others meanwhile; yields its start time too."""
    cores = os.sched_getaffinity(0)
    first = min(cores)
    ports = free_ports(2)
    request = server.request(inputs, ports[0], photo)
    os.sched_setaffinity(0, {first})
    try:
        with running(server.commands(inputs, ports, 1), request, inputs.scratch / "service.log") as taken:
            os.sched_setaffinity(0, cores - {first} or cores)
            yield request, taken
    finally:
        os.sched_setaffinity(0, cores)


def _service_times(request: Request, photos: Sequence[bytes], seconds: float) -> list[float]:
    """Quantiles of the seconds that the service reports (Server-Timing) for sequential requests."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        response = send(replace(request, body=photos[len(taken) % len(photos)]))
        taken.append(service_time(response.headers["server-timing"]))
    return [round(cut, 6) for cut in statistics.quantiles(taken, n=QUANTILES, method="inclusive")]


def service_time(server_timing: str) -> float:
    """Seconds of decoding and inference in a Server-Timing header."""
    steps = dict(part.strip().split(";dur=") for part in server_timing.split(","))
    return (float(steps["decode"]) + float(steps["infer"])) / 1e3


def _peak_memory(request: Request, image: bytes) -> int:
    """The peak of the descendants' memory while the image is classified three times, sampled every 2 ms."""
    done, sizes = threading.Event(), [memory()]

    def sample() -> None:
        while not done.wait(0.002):
            sizes.append(memory())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        for _ in range(3):
            response = send(replace(request, body=image))
            if response.status != 200:
                raise ProcessFailed(f"a large image got status {response.status}: {response.body[:200]!r}")
    finally:
        done.set()
        sampler.join()
    return max(sizes)


def main(
    name: Annotated[str, typer.Argument(help="A model of the catalog.")],
    photos: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Labelled photos.")] = None,
    artifacts: Annotated[Path, typer.Option(help="Folder of the exported models.")] = Path(".models"),
    seconds: Annotated[int, typer.Option(min=1, help="Duration of each measurement.")] = 10,
) -> None:
    """Measure one instance of a model, and propose cpu, memory and concurrency for its catalog entry."""
    require_wrk()
    try:
        model = load_catalog(catalog_path(os.environ))[name]
    except CatalogError as err:
        raise typer.BadParameter(str(err)) from err
    if not (artifacts / name / "receipt.json").is_file():
        raise LoadFailed(f"{name} has no artifact in {artifacts}; run `python -m services.export {name}`")
    with tempfile.TemporaryDirectory(prefix="guichet-size-") as scratch:
        measured = measure(model, artifacts, photos or default_folder(), seconds, Path(scratch))
    proposal = propose(model, measured)
    console.print(
        f"{model.title} ({measured.precision}) on one core: {milliseconds(measured.processor_seconds)} CPU per request"
        f" ({milliseconds(statistics.median(measured.services))} of decoding and inference),"
        f" {1 / measured.processor_seconds:.0f} requests/s; cold start {statistics.median(measured.cold_starts):.2f} s;"
        f" memory {mebibytes(measured.memory_idle)} idle, {mebibytes(measured.memory_loaded)} under load,"
        f" {mebibytes(measured.memory_12mp)} with 12 megapixels,"
        f" {mebibytes(measured.memory_largest)} with the largest image."
    )
    for setting in ("cpu", "memory", "concurrency"):
        console.print(f"{setting:<12} catalog {getattr(model, setting)!s:<8} proposed {getattr(proposal, setting)}")
    for line in proposal.why:
        console.print(f"- {line}")
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results[name] = asdict(measured) | {"proposal": asdict(proposal)}
    RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
