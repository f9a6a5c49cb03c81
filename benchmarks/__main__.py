"""`python -m benchmarks`: Guichet compared with other model servers, in one run, on one machine, with one client."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.comparison.figures import Figures, limit, row
from benchmarks.comparison.in_process import LargePhoto
from benchmarks.comparison.merge import merged
from benchmarks.comparison.report import report
from benchmarks.comparison.rounds import measure_cold_starts, measure_rounds
from benchmarks.comparison.servers import OWN, PEER_BIN, Inputs, Server, servers
from benchmarks.comparison.targets import targets
from benchmarks.harness.artifacts import Precision, export, torch_weights
from benchmarks.harness.command import console, run
from benchmarks.harness.load import require_wrk
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import copied, default_folder, photos_in
from benchmarks.harness.process import ROOT, run_json
from services.catalog import load_catalog

DATA: Final = "benchmark.json"
RESULTS: Final = ROOT / "benchmarks" / "results"
MODEL: Final = "efficientnet-lite0"
IN_PROCESS: Final = "benchmarks.comparison.in_process"
LIMITS: Final[dict[str, Precision]] = {"in-process-fp16": "fp16", "in-process-int8": "int8"}
PARTS: Final = ("cold-start", "large-photo", "sizes")
# Above this share of the machine in use by others, warn.
BUSY: Final = 0.1


class Selection:
    """What `--only` selects; everything if it is empty."""

    def __init__(self, only: list[str], *, long: bool) -> None:
        known = [server.name for server in servers()] + [*LIMITS, *PARTS]
        for pattern in only:
            if not any(_matches(pattern, name) for name in known):
                raise typer.BadParameter(f"{pattern} is not one of {', '.join(known)}", param_hint="--only")
        self._only = only
        self.servers = [
            server
            for server in servers()
            if self.wants(server.name) and (only or long or server.group != "openvino-decoder")
        ]
        self.limits = [engine for name, engine in LIMITS.items() if self.wants(name)]
        if any(server.group not in OWN for server in self.servers) and not (PEER_BIN / "python").exists():
            raise typer.BadParameter("the peers are not installed in .venv-peers; `make benchmark` does that")

    def wants(self, name: str) -> bool:
        return not self._only or any(_matches(pattern, name) for pattern in self._only)


def _matches(pattern: str, name: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def measure(selection: Selection, folder: Path, scratch: Path, rounds: int, seconds: int, starts: int) -> Figures:
    """Measure what is selected with the photos of `folder`."""
    photos = copied(photos_in(folder), scratch / "photos")
    bodies = scratch / "bodies"
    bodies.write_text("".join(f"{photo.path}\n" for photo in photos))
    catalog = load_catalog()
    model, models = catalog[MODEL], catalog.default
    artifacts = {engine: export(models, engine, scratch / "photos") for engine in LIMITS.values()}
    inputs = Inputs(model, torch_weights(catalog, model), artifacts, scratch)
    sizes = [len(photo.data) for photo in photos]
    figures = Figures(
        machine=Machine.here(),
        plan={
            "model": MODEL,
            "title": model.title,
            "rounds": rounds,
            "seconds": seconds,
            "cpu": model.cpu,
            "memory": model.memory,
        },
        photos={"count": len(sizes), "median_bytes": statistics.median(sizes), "largest_bytes": max(sizes)},
    )
    if figures.machine.busy > BUSY:
        console.print(
            f"{figures.machine.busy:.0%} of this machine is busy: figures will be unreliable.", style="yellow"
        )
    if selection.wants("sizes"):
        _progress("installed sizes")
        figures.sizes = installed_sizes()
    if selection.wants("large-photo"):
        _progress("a photo of 12 megapixels")
        figures.large_photo = LargePhoto(**run_json(IN_PROCESS, str(bodies)))
    if selection.wants("cold-start"):
        direct = [server for server in servers() if server.group == "direct"]
        figures.cold_starts = measure_cold_starts(direct, models, inputs, photos[0].data, starts, _progress)
    found = measure_rounds(
        selection.servers, selection.limits, inputs, photos, bodies, rounds, seconds, progress=_progress
    )
    figures.rows = [row(server, found.visits[server.name], figures.sizes) for server in selection.servers]
    figures.limits = [limit(measured) for measured in found.limits.values()]
    return figures


def installed_sizes() -> dict[str, dict[str, Any]]:
    """By server, each measured in its own environment."""
    return {server.name: _installed_size(server) for server in servers() if server.packages and _python(server)}


def _installed_size(server: Server) -> dict[str, Any]:
    size: dict[str, Any] = run_json("benchmarks.comparison.sizes", *server.packages, python=_python(server))
    return size


def _python(server: Server) -> str:
    """The Python of the server's environment; empty if it is not installed."""
    peers = PEER_BIN / "python"
    return sys.executable if server.group in OWN else str(peers) if peers.exists() else ""


def _progress(step: str) -> None:
    console.print(f"{step} …", style="dim", markup=False)


def write(figures: Figures, folder: Path) -> None:
    """Write JSON, page and plot, and print the page."""
    judged = targets(figures)
    folder.mkdir(parents=True, exist_ok=True)
    document = asdict(figures) | {"targets": [asdict(target) for target in judged]}
    (folder / DATA).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = report(figures, judged, "benchmark.png")
    (folder / "benchmark.md").write_text(page, encoding="utf-8")
    console.print(page, markup=False)
    if figures.rows and (PEER_BIN / "python").exists():
        command = [str(PEER_BIN / "python"), "-m", "benchmarks.plots", "comparison", str(folder / DATA)]
        subprocess.run([*command, str(folder / "benchmark.png")], cwd=ROOT, check=True)
    console.print(f"Written to {folder}.", style="dim")


def main(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure only this server or part; repeatable, may end in *."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Photos named like 281_tabby.jpg. Default: foolbox's 20."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of interleaved rounds.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Load at 8 connections; half of it at 1 and at 32.")] = 6,
    starts: Annotated[int, typer.Option(min=1, help="Cold starts of each default model.")] = 20,
    quick: Annotated[bool, typer.Option("--quick", help="Two short rounds, to check that everything runs.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Also measure the peers with Guichet's decoder.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results. Default: benchmarks/results, or .run with --quick.")
    ] = None,
    again: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Measure nothing; rewrite this folder's page and plot. Repeat it to merge runs.",
        ),
    ] = None,
) -> None:
    """Measure Guichet and its peers, and compare the figures with the project's targets.

    Parts other than servers: sizes, large-photo, cold-start, in-process-fp16, in-process-int8.
    """
    if again:
        runs = [_figures(folder) for folder in again]
        write(merged(runs) if len(runs) > 1 else runs[0], output or (RESULTS if len(runs) > 1 else again[0]))
        return
    if quick:
        rounds, seconds, starts = min(rounds, 2), min(seconds, 2), min(starts, 3)
    require_wrk()
    selection = Selection(only or [], long=long)
    with tempfile.TemporaryDirectory(prefix="guichet-benchmark-") as scratch:
        figures = measure(selection, photos or default_folder(), Path(scratch), rounds, seconds, starts)
    write(figures, output or (ROOT / ".run" / "benchmark" if quick else RESULTS))


def _figures(folder: Path) -> Figures:
    try:
        return Figures.from_json((folder / DATA).read_bytes())
    except (OSError, ValueError) as err:
        console.print(f"{folder / DATA} does not contain the figures of a run: {err}", style="red", markup=False)
        raise typer.Exit(1) from err


if __name__ == "__main__":
    run(main)
