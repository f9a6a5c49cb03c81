"""`python -m benchmarks.preprocessing --photos FOLDER`: how much the services' decoder differs from native transforms.

EfficientNet-Lite0 in torch scores the pixels of both, so that nothing but the decoder differs. Updates
docs/preprocessing.md.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.harness.artifacts import torch_weights
from benchmarks.harness.command import console, run
from benchmarks.harness.machine import Machine
from benchmarks.harness.photos import default_folder, photos_in
from benchmarks.harness.process import ROOT
from benchmarks.harness.tables import table, write_between_markers
from services.catalog import load_catalog
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.preprocess import Preprocess

MODEL: Final = "efficientnet-lite0"
RESULTS: Final = ROOT / "benchmarks" / "results" / "preprocessing.json"
PAGE: Final = ROOT / "docs" / "preprocessing.md"
HEADINGS: Final = ("", "decode", "pixels, mean", "score, mean", "score, worst", "other label", "ms per photo")
# A native score of the best label that leads by less may be overtaken without a visible difference.
LEAD: Final = 0.1
ENLARGED: Final = 3

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Difference:
    """Between the decoder and the native transforms, over all photos.

    `pixels` is the average difference, of 255. `score` and `worst_score` are those of the native best label.
    `other_label` counts the photos whose best label differs although the native one leads by LEAD. `seconds` is the
    time to decode and resize one photo.
    """

    kind: str
    decode: str
    pixels: float
    score: float
    worst_score: float
    other_label: int
    seconds: float


def differences(photos: Sequence[bytes], scores: Callable[[Sequence[Pixels]], Scores]) -> list[Difference]:
    """Of each kind, for both values of `decode`."""
    from benchmarks.harness.native_transforms import KINDS

    found = []
    for kind in KINDS:
        native = [kind.native(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")) for data in photos]
        expected = scores(native)
        for preprocess in variants(kind.preprocess):
            began = time.process_time()
            pixels = [decoded_pixels(data, preprocess) for data in photos]
            seconds = (time.process_time() - began) / len(photos)
            best, other_label = compared(scores(pixels), expected)
            by_pixel = [np.abs(one.astype(int) - other).mean() for one, other in zip(pixels, native, strict=True)]
            found.append(
                Difference(
                    kind.name,
                    preprocess.decode,
                    float(np.mean(by_pixel)),
                    float(best.mean()),
                    float(best.max()),
                    other_label,
                    seconds,
                )
            )
    return found


def variants(preprocess: Preprocess) -> list[Preprocess]:
    """Both values of `decode`, where both are allowed."""
    if not preprocess.antialias or preprocess.interpolation == "nearest":
        return [preprocess]
    return [preprocess, replace(preprocess, decode="fast")]


def compared(scores: Scores, expected: Scores) -> tuple[Scores, int]:
    """Per photo the difference of the best label's score; and how many have another best label, without a tie."""
    best = expected.argmax(axis=1)
    two = np.sort(expected, axis=1)[:, -2:]
    changed = (scores.argmax(axis=1) != best) & (two[:, 1] - two[:, 0] > LEAD)
    return np.abs(scores - expected)[np.arange(len(best)), best], int(changed.sum())


def torch_scores() -> Callable[[Sequence[Pixels]], Scores]:
    """Scores by the model in torch, for pixels of any size, RGB or gray."""
    import torch

    from services.export.sources.network import built_network

    catalog = load_catalog()
    model = catalog[MODEL]
    network = built_network(catalog, model, torch_weights(catalog, model))
    mean, std = (torch.tensor(values) for values in (network.preprocess.pixel_mean, network.preprocess.pixel_std))

    def scores(pixels: Sequence[Pixels]) -> Scores:
        batches = []
        for first in range(0, len(pixels), 20):
            batch = torch.from_numpy(np.stack(pixels[first : first + 20]))
            images = ((batch.expand(-1, -1, -1, 3) - mean) / std).permute(0, 3, 1, 2)
            with torch.inference_mode():
                batches.append(network.module(images).softmax(1).numpy())
        return np.concatenate(batches)

    return scores


def enlarged(data: bytes) -> bytes:
    """The photo as a JPEG of ENLARGED times its width and height, as from a camera with more pixels."""
    with Image.open(io.BytesIO(data)) as photo:
        size = photo.width * ENLARGED, photo.height * ENLARGED
        image = photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def report(found: Sequence[Difference]) -> str:
    rows = [
        [
            one.kind,
            one.decode,
            f"{one.pixels:.2f}",
            f"{one.score:.4f}",
            f"{one.worst_score:.3f}",
            str(one.other_label),
            f"{one.seconds * 1e3:.1f}",
        ]
        for one in found
    ]
    return "\n".join(table(HEADINGS, rows, numbers=2)) + "\n"


def main(
    photos: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="JPEGs. Default: foolbox's 20.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS,
    write: Annotated[bool, typer.Option(help="Also update docs/preprocessing.md.")] = True,
) -> None:
    """Compare the services' decoder with the transforms of torchvision and timm."""
    machine, scores = Machine.here(), torch_scores()
    data = [photo.data for photo in photos_in(photos or default_folder())]
    figures = {}
    for name, images in (("photos", data), ("enlarged", [enlarged(one) for one in data])):
        figures[name] = differences(images, scores)
        text = f"{report(figures[name])}\n{len(data)} photos; {machine.when}.\n"
        console.print(text, markup=False)
        if write:
            write_between_markers(PAGE, f"preprocessing-{name}", text)
    found = {name: [asdict(one) for one in values] for name, values in figures.items()}
    output.write_text(json.dumps({"machine": asdict(machine), **found}, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
