"""The images on which a converted model is compared with torch: a folder of photos, or generated ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from services.catalog.labelled_images import SUFFIXES
from services.classifier.decoding.pixels import decoded_pixels, with_channels
from services.classifier.decoding.resize import Pixels
from services.preprocess import Preprocess
from services.problems import Problem

GENERATED = 24
# 281_tabby.jpg shows the label of the network's output 281.
LABELLED = re.compile(r"([0-9]{1,5})_.*")


@dataclass(frozen=True)
class SampleImages:
    """uint8 [height, width, channels] each. `labels` are their labels' numbers, if every file name begins with one."""

    pixels: list[Pixels]
    photos: bool
    labels: list[int] | None = None


def photos_in(folder: Path, preprocess: Preprocess, labels: int, most: int) -> SampleImages:
    """Up to `most` images of a folder, evenly spaced in order of name; unreadable ones are skipped.

    `labels` is the number of the model's labels.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    pixels: list[Pixels] = []
    numbers: list[int] = []
    for path in paths[:: max(1, len(paths) // most)][:most]:
        try:
            pixels.append(decoded_pixels(path.read_bytes(), preprocess))
        except Problem:
            continue
        if (name := LABELLED.fullmatch(path.stem)) and int(name[1]) < labels:
            numbers.append(int(name[1]))
    return SampleImages(pixels, photos=True, labels=numbers if len(numbers) == len(pixels) else None)


def generated_images(preprocess: Preprocess) -> SampleImages:
    """Soft coloured shapes over noise, for use without photos; the same images every time."""
    random = np.random.default_rng(0)
    height, width = preprocess.height, preprocess.width
    images: list[Pixels] = []
    for _ in range(GENERATED):
        image = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        draw = ImageDraw.Draw(image)
        for _ in range(12):
            x, y, w, h = random.integers(0, (width, height, width, height)).tolist()
            draw.ellipse((x, y, x + w // 2 + 2, y + h // 2 + 2), fill=tuple(random.integers(0, 256, 3).tolist()))
        grain = random.normal(0, 8, (height, width, 3))
        pixels = (np.asarray(image.filter(ImageFilter.GaussianBlur(1))) + grain).clip(0, 255).astype(np.uint8)
        images.append(with_channels(pixels, preprocess))
    return SampleImages(images, photos=False)
