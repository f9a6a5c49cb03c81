"""`python -m benchmarks`: Guichet beside its peers, in one run, on one machine, with one client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.artifacts import NoArtifact
from benchmarks.load import NoClient, require_client
from benchmarks.photos import NoPhotos, default_folder, photos_in
from benchmarks.processes import ROOT, ServerFailed, adopt_orphans, end_all
from benchmarks.shell import run
from benchmarks.speed.bounds import bounds
from benchmarks.speed.candidates import PEER_BIN
from benchmarks.speed.figures import Figures
from benchmarks.speed.growth import REQUESTS
from benchmarks.speed.report import markdown, screen
from benchmarks.speed.rounds import Plan
from benchmarks.speed.run import NotThere, Run

# Wide enough for the table where the output goes to a file.
WIDTH = 150
DATA = "benchmark.json"
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def main(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this candidate or part; may be repeated, and end in * for more."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Labelled photos, named like 281_tabby.jpg; default: foolbox's 20."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often everyone is measured, in turns.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Of load at 8 connections; half of it at 1 and at 32.")] = 6,
    starts: Annotated[int, typer.Option(min=1, help="Cold starts of each default model.")] = 20,
    quick: Annotated[bool, typer.Option("--quick", help="Two short rounds, to see that everything runs.")] = False,
    long: Annotated[
        bool,
        typer.Option("--long", help=f"Also {REQUESTS:,} requests to see if memory grows, and peers with our decoder."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Where the results go; default: benchmarks/results, or .run if --quick.")
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Measure nothing: write this folder's table and plot anew."),
    ] = None,
) -> None:
    """Measure Guichet beside its peers, and say which of the project's bounds are met.

    Parts beside the candidates: sizes, large-photo, resnet152, cold-start, in-process-fp16, in-process-int8, growth.
    """
    if again:
        try:
            figures = Figures.from_json((again / DATA).read_bytes())
        except (OSError, ValueError) as err:
            console.print(f"{again / DATA}: cannot be read as the figures of a run: {err}", style="red", markup=False)
            raise typer.Exit(1) from err
        _write(figures, again)
        return
    if quick:
        rounds, seconds, starts = min(rounds, 2), min(seconds, 2), min(starts, 3)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    adopt_orphans()
    try:
        require_client()
        with tempfile.TemporaryDirectory(prefix="guichet-benchmark-") as scratch:
            benchmark = Run(
                console,
                Path(scratch),
                photos_in(photos or default_folder()),
                Plan(rounds, seconds),
                only or [],
                long=long,
            )
            figures = benchmark.figures(starts, REQUESTS)
    except (NoClient, NoPhotos, NotThere, NoArtifact, ServerFailed) as err:
        console.print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.", style="dim")
        raise typer.Exit(130) from None
    finally:
        end_all()
    _write(figures, output or (ROOT / ".run" / "benchmark" if quick else ROOT / "benchmarks" / "results"))


def _write(figures: Figures, folder: Path) -> None:
    """Tell the figures on the terminal, and write table, JSON and plot."""
    verdicts = bounds(figures)
    console.print(screen(figures, verdicts))
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / DATA
    data.write_text(
        json.dumps(figures.as_dict() | {"bounds": [asdict(bound) for bound in verdicts]}, indent=1, ensure_ascii=False)
        + "\n",
        encoding="utf-8",
    )
    page = markdown(figures, verdicts, "benchmark.png")
    (folder / "benchmark.md").write_text(f"# Guichet beside its peers\n\n{page}", encoding="utf-8")
    if figures.rows and (PEER_BIN / "python").exists():
        command = [str(PEER_BIN / "python"), "-m", "benchmarks.speed.plot", str(data), str(folder / "benchmark.png")]
        subprocess.run(command, cwd=ROOT, check=True)
    console.print(f"Written to {folder}.", style="dim")


if __name__ == "__main__":
    run(main)
