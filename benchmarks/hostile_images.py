"""`make pictures`: send hostile images to the real service, Pillow's test images among them; writes docs/pictures.md.

Each must get a response other than 5xx, for at most two CPU seconds and 300 MiB, and the same photo must get the same
predictions after it as before.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.cost import Cost, measure_cost
from benchmarks.harness.hostile_images import hostile_images, largest_images
from benchmarks.harness.image_files import encoded, gradient, mutations
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import default_folder, photos_in
from benchmarks.harness.process import HOST, ROOT, Command, Request, Response, descendants, free_port, running, send
from benchmarks.harness.tables import mebibytes, table

MODEL: Final = "efficientnet-lite0"
MOST_SECONDS: Final = 2.0
MOST_BYTES: Final = 300 * 2**20
MUTATIONS: Final = 400
FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "HEIF", "AVIF", "TIFF")
PAGE: Final = ROOT / "docs" / "pictures.md"


@dataclass(frozen=True)
class Result:
    """One image: its collection and name, the response, its cost, and whether the photo after it was unaffected."""

    collection: str
    name: str
    outcome: str
    cost: Cost
    unaffected: bool

    @property
    def fault(self) -> str:
        """What is wrong with the result; empty if nothing is."""
        if not self.outcome.startswith(("200", "4")):
            return self.outcome
        if self.cost.seconds > MOST_SECONDS:
            return f"{self.cost.seconds:.1f} s of CPU"
        if self.cost.growth > MOST_BYTES:
            return mebibytes(self.cost.growth)
        return "" if self.unaffected else "the photo after it got other predictions"


def pillow_collection(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The test images in Pillow's source distribution, by name."""
    with tarfile.open(archive) as opened:
        for member in opened:
            _, found, name = member.name.partition("/Tests/images/")
            if found and member.isfile() and (content := opened.extractfile(member)):
                yield name, content.read()


def downloaded(folder: Path) -> Path:
    """The source distribution of the installed Pillow, from the package registry; raises OSError."""
    requirement = f"pillow=={importlib.metadata.version('pillow')}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", requirement]
    run = subprocess.run([*command, f"--dest={folder}"], capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError(run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "pip failed")
    return next(folder.glob("*.tar.gz"))


def generated() -> Iterator[tuple[str, bytes]]:
    """The tests' hostile images, the largest accepted ones, and small ones with random changes."""
    for image in [*hostile_images(), *largest_images()]:
        yield str(image), image.made()
    for kind in FORMATS:
        data = encoded(gradient(120, 90), kind)
        for number, changed in enumerate(mutations(data, MUTATIONS, seed=len(data))):
            yield f"changed-{number}.{kind.lower()}", changed


def sent(port: int, pid: int, photo: bytes, images: Sequence[tuple[str, Iterator[tuple[str, bytes]]]]) -> list[Result]:
    """Send every image of every collection, and the photo after each."""
    predictions = _response(port, photo).body
    results = []
    for collection, content in images:
        for name, data in content:
            response, cost = measure_cost(pid, lambda data=data: _response(port, data))  # type: ignore[misc]
            unaffected = _response(port, photo).body == predictions
            results.append(Result(collection, name, outcome(response), cost, unaffected))
    return results


def _response(port: int, data: bytes) -> Response:
    try:
        return send(Request(port, "/predict", {"Content-Type": "application/octet-stream"}, data), 30)
    except OSError:
        return Response(0, b"", {})


def outcome(response: Response) -> str:
    """The status and the problem's code."""
    if response.status == 200:
        return "200"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return f"{response.status} {json.loads(response.body)['code']}"
    return str(response.status) if response.status else "no response"


def report(results: Sequence[Result], machine: Machine) -> str:
    """The page docs/pictures.md."""
    collections = list(dict.fromkeys(one.collection for one in results))

    def line(name: str, cell: Callable[[list[Result]], object], wanted: str = "") -> list[object]:
        return [name, *(cell([one for one in results if one.collection == each]) for each in collections), wanted]

    outcomes = sorted({one.outcome for one in results})
    rows = [
        line("images", len),
        *(line(each, lambda some, each=each: sum(one.outcome == each for one in some)) for each in outcomes),  # type: ignore[misc]
        line("most CPU time", lambda some: f"{max(one.cost.seconds for one in some):.2f} s", f"≤ {MOST_SECONDS:g} s"),
        line("most memory", lambda some: mebibytes(max(one.cost.growth for one in some)), f"≤ {mebibytes(MOST_BYTES)}"),
        line("worker died or was renewed", lambda some: sum(one.cost.killed for one in some)),
        line("same photo, same predictions after it", lambda some: sum(one.unaffected for one in some), "all"),
        line("missed a target", lambda some: sum(bool(one.fault) for one in some), "0"),
    ]
    costly = sorted(results, key=lambda one: -max(one.cost.seconds / MOST_SECONDS, one.cost.growth / MOST_BYTES))
    expensive = [
        (one.name, one.outcome, f"{one.cost.seconds:.2f} s", mebibytes(one.cost.growth)) for one in costly[:10]
    ]
    lines = [
        "# Hostile images",
        "",
        "Written by `make pictures`, which sends the images to the real service one by one, and the same photo after"
        " each. Memory is the sum of the peak growth of the service's processes. A worker is renewed after at most"
        " 5,000 images.",
        "",
        *table(["", *collections, "target"], rows, numbers=1),
        "",
        "The most expensive:",
        "",
        *table(("image", "response", "CPU time", "memory"), expensive, numbers=2),
        "",
        f"Pillow {machine.versions['pillow']}, simplejpeg {machine.versions['simplejpeg']}; {machine.processor},"
        f" {machine.cores} cores; {machine.when}.",
        "",
    ]
    return "\n".join(lines)


def main(
    archive: Annotated[
        Path | None, typer.Option(help="Pillow's source distribution. Default: download it with pip.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Send hostile images to the real service; exit code 1 if one misses a target."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive = archive or downloaded(Path(folder))
        except OSError as err:
            console.print(f"Pillow's source could not be downloaded: {err}. Pass it with --archive.", markup=False)
            raise typer.Exit(2) from err
        photo = photos_in(default_folder())[0].data
        port = free_port()
        variables = {"MODEL_NAME": MODEL, "MODEL_DIR": str(ROOT / ".models"), "HOST": HOST, "PORT": str(port)}
        command = Command((sys.executable, "-m", "services.classifier"), variables)
        with running([command], Request(port, "/predict", {}, photo), Path(folder) / "log"):
            pid = next(one.pid for one in descendants() if "services.classifier" in one.cmdline())
            collections = [("Pillow's own", pillow_collection(archive)), ("generated", generated())]
            results = sent(port, pid, photo, collections)
    text = report(results, Machine.here())
    output.write_text(text, encoding="utf-8")
    console.print(text, markup=False)
    faults = [one for one in results if one.fault]
    for one in faults:
        console.print(f"{one.collection}: {one.name}: {one.fault}", markup=False)
    if faults:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
