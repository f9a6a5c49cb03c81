"""Makes the sample pictures: `python -m frontend.images.make_samples`, where scikit-image is installed.

They are three photos that scikit-image's package carries, all CC0: chelsea (Stefan van der Walt), coffee (Rachel
Michetti) and rocket (SpaceX). They are small, so they are kept beside the code, and neither the page nor its image
needs the package.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from PIL import Image

from frontend.images.image import SAMPLES

SOURCES = {"chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}


def make_samples(folder: Path = SAMPLES) -> list[Path]:
    """Writes the samples into `folder` as JPEG; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, source in SOURCES.items():
        written.append(folder / f"{name}.jpg")
        with (files("skimage") / "data" / source).open("rb") as file, Image.open(file) as picture:
            picture.convert("RGB").save(written[-1], quality=88, optimize=True)
    return written


if __name__ == "__main__":
    for path in make_samples():
        print(path)
