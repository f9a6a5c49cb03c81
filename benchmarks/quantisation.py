"""`python -m benchmarks.quantisation --photos FOLDER`: accuracy, time and size by precision, for docs/quantisation.md.

All variants get the same pixels. For the column “other half” the photos are halved, and each half is classified by a
network calibrated on the other.
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

from benchmarks.comparison.in_process import inference_precision, rate
from benchmarks.comparison.servers import PEER_BIN
from benchmarks.harness.artifacts import export, torch_weights
from benchmarks.harness.command import console, run
from benchmarks.harness.machine import Machine, cores
from benchmarks.harness.photos import Photo, copied, default_folder, photos_in
from benchmarks.harness.process import ROOT
from benchmarks.harness.tables import table, write_between_markers
from services.catalog import Catalog, Model, load_catalog
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.engine import ONE_PROCESSOR, Engine

RESULTS: Final = ROOT / "benchmarks" / "results" / "quantisation.json"
PAGE: Final = ROOT / "docs" / "quantisation.md"
PLOT: Final = ROOT / "docs" / "images" / "quantisation.png"
F32: Final = {"INFERENCE_PRECISION_HINT": "f32"}
HEADINGS: Final = ("", "top-1", "top-1, other half", "only it right / only torch", "ms per image", "images/s", "MB")

Logits = Callable[[Pixels], np.ndarray]


@dataclass(frozen=True)
class Variant:
    """One precision of one model: accuracy, seconds per image on one core, images per second on all cores.

    `only_it` and `only_torch` count the photos that only one of the two classifies correctly.
    """

    model: str
    name: str
    accuracy: float
    other_half: float | None
    only_it: int
    only_torch: int
    seconds: float
    rate: float
    megabytes: float


@dataclass(frozen=True)
class Case:
    """A variant to measure: on one core and on all cores, its size, and its labels for the other halves."""

    name: str
    one_core: Logits
    all_cores: Logits
    bytes: int
    other_half: list[int] | None = None


def measure(catalog: Catalog, model: Model, photos: Sequence[Photo], rounds: int, scratch: Path) -> list[Variant]:
    """All variants of one model; times are medians over interleaved rounds."""
    import torch

    from services.export.sources.network import built_network

    weights = torch_weights(catalog, model)
    network = built_network(catalog, model, weights)
    pixels = [decoded_pixels(photo.data, network.preprocess) for photo in photos]
    truth = [photo.label for photo in photos]
    cases = _cases(model, network, pixels, photos[0].path.parent, weights, scratch)
    torch.set_num_threads(1)
    times: list[list[tuple[float, float]]] = [[] for _ in cases]
    for _ in range(rounds):
        for taken, case in zip(times, cases, strict=True):
            alone = rate(partial(case.one_core, pixels[0]), 1, 1.0)
            taken.append((1 / alone, rate(partial(case.all_cores, pixels[0]), cores(), 1.0)))
    torch_labels = _labels(cases[0].one_core, pixels)
    return [
        _variant(model, case, _labels(case.one_core, pixels), truth, torch_labels, taken)
        for case, taken in zip(cases, times, strict=True)
    ]


def _cases(
    model: Model, network: object, pixels: list[Pixels], folder: Path, weights: Path, scratch: Path
) -> list[Case]:
    import openvino as ov

    from services.export.convert import openvino_model, quantised, save, torch_logits
    from services.export.sources.network import Network

    assert isinstance(network, Network)
    plain = scratch / "f32"
    plain.mkdir(parents=True)
    ov.save_model(openvino_model(network, model.name), plain / "model.xml", compress_to_fp16=False)
    fp16, int8 = (export([model], precision, folder) / model.name for precision in ("fp16", "int8"))
    halves = [pixels[0::2], pixels[1::2]]
    crossed = []
    for number, half in enumerate(halves):
        calibrated = scratch / f"half{number}"
        calibrated.mkdir()
        save(quantised(openvino_model(network, model.name), halves[1 - number]), calibrated)
        crossed.append(_labels(_engine(calibrated).logits, half))
    # Back in the photos' order; with an odd number of photos the first half is longer by one.
    other_half = [0] * len(pixels)
    other_half[0::2], other_half[1::2] = crossed
    served = inference_precision(fp16)
    by_torch = partial(torch_logits, network)
    return [
        Case("torch, f32", by_torch, by_torch, weights.stat().st_size),
        _case("f32", plain, F32),
        _case("fp16 weights, computed in f32", fp16, F32),
        _case(f"fp16 weights, computed in {served}", fp16),
        _case(f"int8, the rest in {served}", int8, other_half=other_half),
    ]


def _case(
    name: str, folder: Path, properties: dict[str, str] | None = None, other_half: list[int] | None = None
) -> Case:
    shared = Engine(folder / "model.xml", streams=cores(), properties=properties)
    size = sum((folder / file).stat().st_size for file in ("model.xml", "model.bin"))
    return Case(name, _engine(folder, properties).logits, shared.logits, size, other_half)


def _engine(folder: Path, properties: dict[str, str] | None = None) -> Engine:
    """On one core, like one Cloud Run vCPU."""
    return Engine(folder / "model.xml", streams=1, properties=ONE_PROCESSOR | (properties or {}))


def _labels(logits: Logits, pixels: Sequence[Pixels]) -> list[int]:
    """The number of each image's best label."""
    return [int(logits(image).argmax()) for image in pixels]


def _variant(
    model: Model, case: Case, labels: list[int], truth: list[int], torch: list[int], times: list[tuple[float, float]]
) -> Variant:
    correct = [(mine == right, theirs == right) for mine, theirs, right in zip(labels, torch, truth, strict=True)]
    return Variant(
        model=model.title,
        name=case.name,
        accuracy=accuracy(labels, truth),
        other_half=None if case.other_half is None else accuracy(case.other_half, truth),
        only_it=sum(mine and not theirs for mine, theirs in correct),
        only_torch=sum(theirs and not mine for mine, theirs in correct),
        seconds=statistics.median(alone for alone, _ in times),
        rate=statistics.median(shared for _, shared in times),
        megabytes=case.bytes / 1e6,
    )


def accuracy(labels: Sequence[int], truth: Sequence[int]) -> float:
    return sum(one == right for one, right in zip(labels, truth, strict=True)) / len(truth)


def report(variants: Sequence[Variant], machine: Machine, photos: int) -> str:
    """The table, and what it was measured on."""
    rows: list[list[str]] = []
    for model in dict.fromkeys(variant.model for variant in variants):
        rows.append([f"**{model}**", *[""] * (len(HEADINGS) - 1)])
        rows += [_cells(one) for one in variants if one.model == model]
    sentence = (
        f"{photos} photos; {machine.processor} ({', '.join(machine.flags)}), {machine.cores} cores, OpenVINO"
        f" {machine.versions['openvino']}, {machine.when}; {machine.busy:.0%} busy before the run."
    )
    return "\n".join([*table(HEADINGS, rows, numbers=1), "", sentence]) + "\n"


def _cells(one: Variant) -> list[str]:
    half = "" if one.other_half is None else f"{one.other_half:.1%}"
    differing = "" if one.name.startswith("torch") else f"{one.only_it} / {one.only_torch}"
    times = f"{one.seconds * 1e3:.2f}", f"{one.rate:.0f}"
    return [one.name, f"{one.accuracy:.1%}", half, differing, *times, f"{one.megabytes:.1f}"]


def main(
    photos: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Labelled photos. Default: foolbox's 20.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of interleaved rounds.")] = 7,
    output: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS,
    write: Annotated[bool, typer.Option(help="Also draw the plot and update docs/quantisation.md.")] = True,
) -> None:
    """Measure accuracy, time and size of the default models at every precision."""
    machine, catalog, variants = Machine.here(), load_catalog(), []
    with tempfile.TemporaryDirectory(prefix="guichet-quantisation-") as scratch:
        copies = copied(photos_in(photos or default_folder()), Path(scratch) / "photos")
        for model in catalog.default:
            console.print(f"{model.title} …", style="dim")
            variants += measure(catalog, model, copies, rounds, Path(scratch) / model.name)
    text = report(variants, machine, len(copies))
    console.print(text, markup=False)
    figures = {"machine": asdict(machine), "photos": len(copies), "variants": [asdict(one) for one in variants]}
    output.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not write:
        return
    write_between_markers(PAGE, "quantisation", text)
    if (PEER_BIN / "python").exists():
        command = [str(PEER_BIN / "python"), "-m", "benchmarks.plots", "quantisation", str(output), str(PLOT)]
        subprocess.run(command, cwd=ROOT, check=True)
    else:
        console.print("No plot: `make benchmark` installs matplotlib into .venv-peers.", style="yellow")


if __name__ == "__main__":
    run(main)
