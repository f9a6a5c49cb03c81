"""`python -m benchmarks.calibrate NAME`: what one image costs on one processor, and what a catalog entry should say.

The service runs as one Cloud Run vCPU would run it: on a single core, while the client has the others. The seconds of
processor that a request takes are counted by the kernel, so that they hold on a busy machine too.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.load import NoClient, load, require_client
from benchmarks.machine import Machine
from benchmarks.photos import NoPhotos, default_folder, photos_in
from benchmarks.processes import ROOT, Request, ServerFailed, adopt_orphans, asked, end_all, free_ports, memory, running
from benchmarks.scale.queueing import one_instance
from benchmarks.shell import run
from benchmarks.speed.candidates import Candidate, Material, candidates
from benchmarks.speed.large_photo import mosaic
from services.catalog import Catalog, CatalogError, Model, load_catalog
from services.classifier.decoding.pixels import LARGE_BYTES
from services.web.connection import Bounds

RESULTS: Final = ROOT / "benchmarks" / "results" / "calibration.json"
STARTS: Final = 5
# What Cloud Run's autoscaler aims at is 60 %; between two of its looks it may well be more.
LOAD: Final = 0.8
REFUSED: Final = 0.001
SIMULATED: Final = 200_000
QUANTILES: Final = 200
LARGEST_SIDE: Final = 5_000
MARGIN: Final = 1.15
STEP: Final = 128 * 2**20
LEAST_MEMORY: Final = 512 * 2**20
LARGEST_BODY: Final = 10 * 2**20
CPUS: Final = (1, 2, 4, 8)

console = Console(highlight=False)


@dataclass(frozen=True)
class Calibration:
    """On one processor: seconds, bytes. `services` are quantiles of what single requests took, one after the other."""

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

    @property
    def one(self) -> float:
        """Seconds of one request alone (median)."""
        return statistics.median(self.services)


@dataclass(frozen=True)
class Proposal:
    """Values for a catalog entry, each with the arithmetic it came from."""

    cpu: int
    memory: str
    concurrency: int
    why: tuple[str, ...]


def calibrated(model: Model, artifacts: Path, photos: Path, seconds: int, scratch: Path) -> Calibration:
    """Measure one model's service; raises ServerFailed or NoClient."""
    candidate = next(one for one in candidates() if one.group == "direct" and one.engine == "fp16")
    material = Material(model, scratch, {"fp16": artifacts}, scratch)
    bodies = scratch / "bodies"
    found = photos_in(photos)
    bodies.write_text("".join(f"{photo.path}\n" for photo in found))
    photo = found[0].data
    starts = []
    for _ in range(STARTS):
        with _started(candidate, material, photo, scratch) as (_, took):
            starts.append(took)
    with _started(candidate, material, photo, scratch) as (request, _):
        idle = memory()
        service = psutil.Process().children(recursive=True)
        load(request.port, request.path, request.headers, bodies, 4, 1)
        services = _one_by_one(request, [one.data for one in found], seconds)
        before = _processor_seconds(service)
        full = load(request.port, request.path, request.headers, bodies, model.concurrency, seconds)
        spent = _processor_seconds(service) - before
        loaded = memory()
        photo_12mp = mosaic([one.path for one in found])
        twelve = _peak(lambda: _all_right(request, photo_12mp))
        largest = _peak(lambda: _all_right(request, largest_picture()))
    receipt = json.loads((artifacts / model.name / "receipt.json").read_text())
    return Calibration(
        model=model.name,
        precision=receipt["precision"],
        processor_seconds=spent / full.requests,
        services=services,
        cold_starts=starts,
        memory_idle=idle,
        memory_loaded=loaded,
        memory_12mp=max(loaded, twelve),
        memory_largest=max(loaded, twelve, largest),
        machine=Machine.here().processor,
    )


def largest_picture() -> bytes:
    """A WebP with as many pixels as the services read, which takes the most memory to decode."""
    data = io.BytesIO()
    Image.new("RGBA", (LARGEST_SIDE, LARGEST_SIDE), (90, 60, 30, 128)).save(data, "WEBP", lossless=True, method=0)
    return data.getvalue()


def proposal(model: Model, found: Calibration) -> Proposal:
    """cpu, memory and concurrency from what was measured and the model's deadline."""
    start = max(found.cold_starts)
    cost = found.processor_seconds
    places = _places(found)
    cpu = next((cpu for cpu in CPUS if start + places * cost / cpu <= model.deadline), CPUS[-1])
    most = int((model.deadline - start) * cpu / cost)
    concurrency = min(places, most)
    spike = found.memory_largest - found.memory_loaded
    bodies = min(concurrency * LARGEST_BODY, Bounds().arriving)
    # Beside the largest picture, the other decoders read none that is large.
    need = (found.memory_loaded + spike + (cpu - 1) * LARGE_BYTES + bodies) * MARGIN
    memory_bytes = max(LEAST_MEMORY, math.ceil(need / STEP) * STEP)
    return Proposal(
        cpu,
        f"{memory_bytes // 2**20}Mi",
        concurrency,
        (
            f"cpu: a cold start ({start:.2f} s) and {concurrency} images ({concurrency} × {cost * 1e3:.1f} ms ÷ {cpu})"
            f" take {start + concurrency * cost / cpu:.2f} s, and the deadline is {model.deadline:g} s;"
            f" each vCPU answers {1 / cost:.0f} requests/s, so more instances do what more vCPUs would.",
            f"concurrency: at {LOAD:.0%} load, {places} places let all but {REFUSED:.1%} of requests in (simulated,"
            f" Poisson arrivals); the deadline would allow ({model.deadline:g} − {start:.2f}) s × {cpu}"
            f" ÷ {cost * 1e3:.1f} ms = {most:,}.",
            f"memory: {_mib(found.memory_loaded)} under load + {_mib(spike)} for the largest picture that is read"
            f" + {cpu - 1} × {_mib(LARGE_BYTES)} for others beside it + {_mib(bodies)} for bodies,"
            f" and {MARGIN - 1:.0%} to spare"
            f" = {_mib(int(need))}; at least {_mib(LEAST_MEMORY)}.",
        ),
    )


def _places(found: Calibration) -> int:
    """The least concurrency that refuses hardly anyone."""
    for places in range(2, 1000):
        if one_instance(found.services, 1, places, LOAD, SIMULATED).refused <= REFUSED:
            return places
    return 1000


@contextmanager
def _started(candidate: Candidate, material: Material, photo: bytes, scratch: Path) -> Iterator[tuple[Request, float]]:
    """The service on the first of this process's processors; the client keeps the others, if there are any."""
    mine = os.sched_getaffinity(0)
    first = min(mine)
    ports = free_ports(1)
    request = Request(ports[0], candidate.path, candidate.headers, photo)
    commands = candidate.commands(material, ports, 1)
    os.sched_setaffinity(0, {first})
    try:
        with running(commands, request, scratch / "service.log") as took:
            os.sched_setaffinity(0, mine - {first} or mine)
            yield request, took
    finally:
        os.sched_setaffinity(0, mine)


def _one_by_one(request: Request, photos: list[bytes], seconds: float) -> list[float]:
    """Quantiles of the seconds of requests that follow one another."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        taken.append(_worked(request, photos[len(taken) % len(photos)]))
    return [round(cut, 6) for cut in statistics.quantiles(taken, n=QUANTILES, method="inclusive")]


def _worked(request: Request, photo: bytes) -> float:
    """The seconds that the service says it worked on one photo, by its Server-Timing."""
    answer = asked(Request(request.port, request.path, request.headers, photo))
    steps = dict(part.strip().split(";dur=") for part in answer.headers["server-timing"].split(","))
    return (float(steps["decode"]) + float(steps["infer"])) / 1e3


def _all_right(request: Request, picture: bytes) -> None:
    answer = asked(Request(request.port, request.path, request.headers, picture))
    if answer.status != 200:
        raise ServerFailed(f"answers a large picture with {answer.status}: {answer.body[:200]!r}")


def _peak(work: Callable[[], None]) -> int:
    """The most memory that all child processes had at once while the work was done, by looking again and again."""
    done = threading.Event()
    peaks = [memory()]

    def watch() -> None:
        while not done.wait(0.002):
            peaks.append(memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            work()
    finally:
        done.set()
        watcher.join()
    return max(peaks)


def _processor_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _screen(model: Model, proposed: Proposal) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "catalog", "proposed"):
        table.add_column(heading)
    table.add_row("cpu", str(model.cpu), str(proposed.cpu))
    table.add_row("memory", model.memory, proposed.memory)
    table.add_row("concurrency", str(model.concurrency), str(proposed.concurrency))
    return table


def _kept(found: Calibration, proposed: Proposal) -> None:
    """Beside the other models' in the results."""
    former = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    former[found.model] = asdict(found) | {"proposal": asdict(proposed)}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(dict(sorted(former.items())), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(
    name: Annotated[str, typer.Argument(help="A model of the catalog.")],
    photos: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Labelled photos.")] = None,
    artifacts: Annotated[Path, typer.Option(help="Where the exported models are.")] = Path(".models"),
    seconds: Annotated[int, typer.Option(min=1, help="How long each measurement lasts.")] = 10,
) -> None:
    """Measure what one image costs on one processor, and propose cpu, memory and concurrency for the model's entry."""
    adopt_orphans()
    try:
        require_client()
        catalog: Catalog = load_catalog()
        model = catalog[name]
        if not (artifacts / name / "receipt.json").is_file():
            raise NoClient(f"{name} has no artifact in {artifacts}: `python -m services.export {name}` makes it")
        with tempfile.TemporaryDirectory(prefix="guichet-calibrate-") as scratch:
            found = calibrated(model, artifacts, photos or default_folder(), seconds, Path(scratch))
    except (CatalogError, NoClient, NoPhotos, ServerFailed) as err:
        console.print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    finally:
        end_all()
    proposed = proposal(model, found)
    console.print(
        f"{model.title} as {found.precision} on one processor: {found.processor_seconds * 1e3:.2f} ms of it per request"
        f" ({found.one * 1e3:.2f} ms decoding and computing), {1 / found.processor_seconds:.0f} requests/s;"
        f" cold start {statistics.median(found.cold_starts):.2f} s; memory {_mib(found.memory_idle)} idle,"
        f" {_mib(found.memory_loaded)} under load, {_mib(found.memory_12mp)} with a photo of 12 megapixels,"
        f" {_mib(found.memory_largest)} with the largest picture."
    )
    console.print(_screen(model, proposed))
    for line in proposed.why:
        console.print(f"- {line}")
    _kept(found, proposed)


if __name__ == "__main__":
    run(main)
