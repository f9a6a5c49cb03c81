"""`python -m benchmarks.speed.large_photo BODIES`: a photo of 12 megapixels, decoded by the service and naively.

Prints JSON. The photo is a mosaic of the listed ones, so that it has as much detail as photos have.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from services.artifact import Preprocess
from services.classifier.decoding.pixels import Pixels, decoded_pixels

WIDTH, HEIGHT = 4000, 3000
COLUMNS, ROWS = 5, 4
QUALITY = 90
# Of EfficientNet-Lite0; both ways do the same work.
PREPROCESS = Preprocess(224 * 8 // 7, 224, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class LargePhoto:
    """Median seconds of either way, in turns, for a JPEG of so many bytes."""

    bytes: int
    naive: float
    service: float


def mosaic(paths: list[Path]) -> bytes:
    """A JPEG of WIDTH × HEIGHT pixels."""
    whole = Image.new("RGB", (WIDTH, HEIGHT))
    size = WIDTH // COLUMNS, HEIGHT // ROWS
    for place in range(COLUMNS * ROWS):
        with Image.open(paths[place % len(paths)]) as photo:
            tile = photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        whole.paste(tile, (place % COLUMNS * size[0], place // COLUMNS * size[1]))
    data = io.BytesIO()
    whole.save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def naive(data: bytes, preprocess: Preprocess) -> Pixels:
    """As it is usually written: decode all, resize all, cut out the middle."""
    with Image.open(io.BytesIO(data)) as photo:
        image = photo.convert("RGB")
    scale = preprocess.resize / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - preprocess.crop) // 2, (image.height - preprocess.crop) // 2
    return np.asarray(image.crop((left, top, left + preprocess.crop, top + preprocess.crop)))


def measured(data: bytes, repeats: int) -> LargePhoto:
    """Both ways in turns."""
    seconds: dict[str, list[float]] = {"naive": [], "service": []}
    for _ in range(repeats):
        for name, way in (("naive", naive), ("service", decoded_pixels)):
            began = time.perf_counter()
            way(data, PREPROCESS)
            seconds[name].append(time.perf_counter() - began)
    return LargePhoto(len(data), statistics.median(seconds["naive"]), statistics.median(seconds["service"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bodies", type=Path, help="a file that lists photos, a path to a line")
    parser.add_argument("--repeats", type=int, default=40)
    wanted = parser.parse_args()
    photo = mosaic([Path(line) for line in wanted.bodies.read_text().splitlines()])
    json.dump(asdict(measured(photo, wanted.repeats)), sys.stdout)


if __name__ == "__main__":
    main()
