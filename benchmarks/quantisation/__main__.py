"""`python -m benchmarks.quantisation --photos FOLDER`: what precision costs and buys, for docs/quantisation.md.

Every variant answers the same pixels as torch does. For the column “other half” the photos are halved, and each half is
answered by a network that was calibrated on the other one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console

from benchmarks import artifacts
from benchmarks.machine import Machine
from benchmarks.photos import NoPhotos, Photo, copied, default_folder, photos_in
from benchmarks.processes import ROOT
from benchmarks.rates import rate
from benchmarks.shell import run
from benchmarks.speed.candidates import PEER_BIN
from benchmarks.speed.inprocess import inference_precision
from benchmarks.tables import write_between_markers
from services.catalog import Catalog, Model, load_catalog
from services.classifier.decoding.pixels import Pixels, decoded_pixels
from services.classifier.engine import ONE_PROCESSOR, Engine
from services.classifier.settings import available_cpus

RESULTS: Final = ROOT / "benchmarks" / "results" / "quantisation.json"
PAGE: Final = ROOT / "docs" / "quantisation.md"
PLOT: Final = ROOT / "docs" / "images" / "quantisation.png"
F32: Final = {"INFERENCE_PRECISION_HINT": "f32"}
HEADINGS: Final = ("", "top-1", "top-1, other half", "only it right / only torch", "ms per image", "images/s", "MB")

console = Console(highlight=False)
Best = list[int]
"""The number of the best label of each photo."""


@dataclass(frozen=True)
class Variant:
    """One precision of one model: right answers of all photos, seconds of one image on one core, images per second.

    `only_it` and `only_torch` count the photos that one of the two has right and the other has not.
    """

    model: str
    name: str
    right: float
    held_out: float | None
    only_it: int
    only_torch: int
    one: float
    rate: float
    megabytes: float


@dataclass
class Case:
    """A variant that is about to be measured: how it answers, alone on one core and shared by all."""

    name: str
    logits: Callable[[Pixels], np.ndarray]
    shared: Callable[[Pixels], np.ndarray]
    bytes: int
    held_out: Best | None = None


def measured(catalog: Catalog, model: Model, photos: Sequence[Photo], folder: Path, rounds: int) -> list[Variant]:
    """All variants of one model; times are medians over rounds in which everyone has a turn."""
    # Torch is imported by whoever measures, not by whoever reads the table.
    import openvino as ov
    import torch

    from services.export.convert import openvino_model, quantised, save, torch_logits
    from services.export.network import built_network

    weights = artifacts.weights(catalog, model)
    network = built_network(catalog, model, weights)
    pixels = [decoded_pixels(photo.data, network.preprocess) for photo in photos]
    answers = [photo.label for photo in photos]
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "f32"
        plain.mkdir()
        ov.save_model(openvino_model(network, model.name), plain / "model.xml", compress_to_fp16=False)
        fp16 = artifacts.exported([model], "fp16", folder) / model.name
        int8 = artifacts.exported([model], "int8", folder) / model.name
        halves = [pixels[0::2], pixels[1::2]]
        crossed: list[Best] = []
        for number, half in enumerate(halves):
            calibrated = Path(scratch) / f"half{number}"
            calibrated.mkdir()
            save(quantised(openvino_model(network, model.name), halves[1 - number]), calibrated)
            crossed.append(_best(_engine(calibrated).logits, half))

        def by_torch(picture: Pixels) -> np.ndarray:
            return torch_logits(network, picture)

        served = inference_precision(fp16)
        cases = [
            Case("torch, f32", by_torch, by_torch, weights.stat().st_size),
            _case("f32", plain, F32),
            _case("fp16 weights, computed in f32", fp16, F32),
            _case(f"fp16 weights, computed in {served}", fp16),
            _case(f"int8, the rest in {served}", int8),
        ]
        cases[-1].held_out = [one for pair in zip(*crossed, strict=False) for one in pair]
        torch.set_num_threads(1)
        times: list[list[tuple[float, float]]] = [[] for _ in cases]
        for _ in range(rounds):
            for place, case in enumerate(cases):
                alone = rate(partial(case.logits, pixels[0]), 1)
                times[place].append((1 / alone, rate(partial(case.shared, pixels[0]), available_cpus())))
        torch_best = _best(by_torch, pixels)
        return [
            _variant(model, case, pixels, answers, torch_best, found) for case, found in zip(cases, times, strict=True)
        ]


def _case(name: str, folder: Path, properties: dict[str, str] | None = None) -> Case:
    shared = Engine(folder / "model.xml", streams=available_cpus(), properties=properties)
    size = sum((folder / file).stat().st_size for file in ("model.xml", "model.bin"))
    return Case(name, _engine(folder, properties).logits, shared.logits, size)


def _engine(folder: Path, properties: dict[str, str] | None = None) -> Engine:
    """On one core, as one Cloud Run vCPU would have it."""
    return Engine(folder / "model.xml", streams=1, properties=ONE_PROCESSOR | (properties or {}))


def _best(logits: Callable[[Pixels], np.ndarray], pixels: Sequence[Pixels]) -> Best:
    return [int(logits(picture).argmax()) for picture in pixels]


def _variant(
    model: Model,
    case: Case,
    pixels: Sequence[Pixels],
    answers: list[int],
    torch_best: Best,
    times: list[tuple[float, float]],
) -> Variant:
    best = _best(case.logits, pixels)
    pairs = [(mine == answer, theirs == answer) for mine, theirs, answer in zip(best, torch_best, answers, strict=True)]
    return Variant(
        model=model.title,
        name=case.name,
        right=_right(best, answers),
        held_out=None if case.held_out is None else _right(case.held_out, answers),
        only_it=sum(mine and not theirs for mine, theirs in pairs),
        only_torch=sum(theirs and not mine for mine, theirs in pairs),
        one=statistics.median(alone for alone, _ in times),
        rate=statistics.median(shared for _, shared in times),
        megabytes=case.bytes / 1e6,
    )


def _right(best: Best, answers: list[int]) -> float:
    return sum(one == answer for one, answer in zip(best, answers, strict=False)) / len(best)


def table(variants: Sequence[Variant], machine: Machine, photos: int) -> str:
    """The page's table, and what it was measured on."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
    for model in dict.fromkeys(variant.model for variant in variants):
        lines.append(f"| **{model}** |" + " |" * (len(HEADINGS) - 1))
        for one in variants:
            if one.model == model:
                half = "" if one.held_out is None else f"{one.held_out:.1%}"
                apart = "" if one.name.startswith("torch") else f"{one.only_it} / {one.only_torch}"
                cells = (one.name, f"{one.right:.1%}", half, apart, f"{one.one * 1e3:.2f}", f"{one.rate:.0f}")
                lines.append("| " + " | ".join((*cells, f"{one.megabytes:.1f}")) + " |")
    lines += [
        "",
        f"{photos} photos; {machine.processor} ({', '.join(machine.flags)}), {machine.cores} cores, OpenVINO"
        f" {machine.versions['openvino']}, {machine.when}; before the run {machine.busy:.0%} of the machine was busy"
        " with something else.",
    ]
    return "\n".join(lines) + "\n"


def main(
    photos: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Labelled photos; the more, the more it says.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often every variant's time is measured, in turns.")] = 7,
    output: Annotated[Path, typer.Option(help="The figures, as JSON.")] = RESULTS,
    write: Annotated[bool, typer.Option(help="Also draw the plot and bring docs/quantisation.md up to date.")] = True,
) -> None:
    """Measure accuracy, time and size of the default models at every precision."""
    machine, catalog, variants = Machine.here(), load_catalog(), []
    try:
        with tempfile.TemporaryDirectory(prefix="guichet-quantisation-") as scratch:
            folder = copied(photos_in(photos or default_folder()), Path(scratch) / "photos")
            found = photos_in(folder)
            for model in catalog.default:
                console.print(f"{model.title} …", style="dim")
                variants += measured(catalog, model, found, folder, rounds)
    except (NoPhotos, artifacts.NoArtifact) as err:
        console.print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    text = table(variants, machine, len(found))
    console.print(text, markup=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {"machine": asdict(machine), "photos": len(found), "variants": [asdict(one) for one in variants]}
    output.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if write:
        write_between_markers(PAGE, "quantisation", text)
        if (PEER_BIN / "python").exists():
            PLOT.parent.mkdir(parents=True, exist_ok=True)
            command = [str(PEER_BIN / "python"), "-m", "benchmarks.quantisation.plot", str(output), str(PLOT)]
            subprocess.run(command, cwd=ROOT, check=True)
        else:
            console.print("No plot: `make benchmark` installs what draws it, into .venv-peers.", style="yellow")


if __name__ == "__main__":
    run(main)
