"""How closely an OpenVINO model agrees with the torch network it was made from, on the same pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from services.artifact import Preprocess
from services.classifier.engine import Engine
from services.classifier.decoding.pixels import Pixels, decoded_pixels
from services.classifier.predictions import softmax
from services.classifier.settings import available_cpus
from services.export.convert import torch_logits
from services.export.errors import Disagreement
from services.export.network import Network
from services.web.problems import Problem

GENERATED = 24
LEAST_AGREEMENT = {"fp16": 0.98, "int8": 0.90}
"""The bound on `Agreement.top1`, by precision."""
TIE = 0.02
"""Two labels whose scores in torch differ by less are both right: rounding may swap them."""
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}


@dataclass(frozen=True)
class Agreement:
    """Measured over `images` pictures: the share whose best label is torch's, and the largest difference of a score."""

    images: int
    photos: bool
    top1: float
    largest_score_difference: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measured_agreement(network: Network, model_xml: Path, pictures: list[Pixels], *, photos: bool) -> Agreement:
    """Both networks on every picture (uint8 [side, side, 3]), the converted one as this machine will serve it."""
    engine = Engine(model_xml, streams=available_cpus())
    same, largest = 0, 0.0
    for pixels in pictures:
        expected, actual = softmax(torch_logits(network, pixels)), softmax(engine.logits(pixels))
        same += bool(expected.max() - expected[actual.argmax()] < TIE)
        largest = max(largest, float(np.abs(expected - actual).max()))
    return Agreement(len(pictures), photos, round(same / len(pictures), 4), round(largest, 3))


def require_agreement(model: str, precision: str, agreement: Agreement) -> None:
    """Raises Disagreement where the bound for that precision is missed."""
    least = LEAST_AGREEMENT[precision]
    if not agreement.top1 >= least:
        raise Disagreement(
            f"{model}: as {precision} it agrees with torch on {agreement.top1:.1%} of {agreement.images} pictures,"
            f" {least:.0%} are required; nothing was written"
        )


def photo_pixels(folder: Path, preprocess: Preprocess, most: int) -> list[Pixels]:
    """Up to `most` pictures of a folder, spread over its names in order; what cannot be read is passed over."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    pictures = []
    for path in paths[:: max(1, len(paths) // most)][:most]:
        try:
            pictures.append(decoded_pixels(path.read_bytes(), preprocess))
        except Problem:
            continue
    return pictures


def generated_pixels(preprocess: Preprocess) -> list[Pixels]:
    """Pictures for want of photos: soft coloured shapes over noise, the same ones every time."""
    random = np.random.default_rng(0)
    side = preprocess.crop
    pictures = []
    for _ in range(GENERATED):
        image = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        draw = ImageDraw.Draw(image)
        for _ in range(12):
            x, y, w, h = random.integers(0, side, 4).tolist()
            draw.ellipse((x, y, x + w // 2 + 2, y + h // 2 + 2), fill=tuple(random.integers(0, 256, 3).tolist()))
        grain = random.normal(0, 8, (side, side, 3))
        pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1))) + grain
        pictures.append(pixels.clip(0, 255).astype(np.uint8))
    return pictures
