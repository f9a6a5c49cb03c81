"""An image of which only the header has been read."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

Pixels = NDArray[np.uint8]

# Pillow's copy of an image, in bytes per pixel.
PILLOW_BYTES: Final = 4

# Our own check of the size comes first, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True)
class Source:
    """The stored size and orientation of an image, the memory that decoding it takes, and how to decode it."""

    width: int
    height: int
    orientation: int
    bytes_per_pixel: float
    # Of Pillow's modes; or uint8 [height, width, channels]: gray, RGB or RGBA.
    decoded: Callable[[], Image.Image | Pixels]


def opened(kind: str, data: bytes) -> Image.Image:
    """The image as Pillow opens it, not yet decoded; raises what Pillow raises."""
    return Image.open(io.BytesIO(data), formats=[kind])


def loaded(image: Image.Image) -> Image.Image:
    """The same image, decoded."""
    image.load()
    return image
