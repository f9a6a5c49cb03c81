"""Makes the sample images: `python -m frontend.images.make_samples`, which needs scikit-image.

They are three CC0 photos from scikit-image: chelsea (Stefan van der Walt), coffee (Rachel Michetti) and rocket
(SpaceX). They are kept in the repository, so that the page does not depend on scikit-image.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from PIL import Image

from frontend.settings import SAMPLES

SOURCES = {"chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}


def make_samples(folder: Path = SAMPLES) -> list[Path]:
    """Write the samples into `folder` as JPEG; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, source in SOURCES.items():
        written.append(folder / f"{name}.jpg")
        with (files("skimage") / "data" / source).open("rb") as file, Image.open(file) as photo:
            photo.convert("RGB").save(written[-1], quality=88, optimize=True)
    return written


if __name__ == "__main__":
    for path in make_samples():
        print(path)
