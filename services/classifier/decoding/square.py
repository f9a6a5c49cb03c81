"""Resize and crop a decoded image to the RGB square that a network takes, in bands, to avoid a second full copy."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

from services.artifact import Preprocess

BACKGROUND: Final = (255, 255, 255)
# Catmull-Rom is what Pillow and torchvision call bicubic.
FILTERS: Final = {"bilinear": FilterType.bilinear, "bicubic": FilterType.catmull_rom}
# The radius of the bicubic filter, in pixels of the result.
SUPPORT: Final = 2
# A large image is first averaged down by a whole factor, to no less than GAP times the final size, and then resized.
GAP: Final = 2
BAND_PIXELS: Final = 1 << 18


def square(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """RGB of [crop, crop] pixels on a white background: torchvision's resize and centre crop in one step."""
    left, top, side = centre(*image.size, preprocess)
    scale = side / preprocess.crop
    factor, margin = max(1, int(scale / GAP)), math.ceil(SUPPORT * scale)
    x, y = max(0, int(left) - margin), max(0, int(top) - margin)
    right = min(image.width, math.ceil(left + side) + margin)
    bottom = min(image.height, math.ceil(top + side) + margin)
    ground = Image.new("RGB", (math.ceil((right - x) / factor), math.ceil((bottom - y) / factor)))
    rows = max(1, BAND_PIXELS // (right - x) // factor) * factor
    for upper in range(y, bottom, rows):
        band = rgb(image.crop((x, upper, right, min(upper + rows, bottom))))
        ground.paste(band.reduce(factor), (0, (upper - y) // factor))
    found = Image.new("RGB", (preprocess.crop, preprocess.crop))
    box = ((left - x) / factor, (top - y) / factor, side / factor)
    Resizer().resize_pil(ground, found, resize_options(box, preprocess))
    return found


def centre(width: int, height: int, preprocess: Preprocess) -> tuple[float, float, float]:
    """Left, top and side of the square of the image that becomes the crop."""
    side = min(width, height) * preprocess.crop / preprocess.resize
    return (width - side) / 2, (height - side) / 2, side


def resize_options(box: tuple[float, float, float], preprocess: Preprocess) -> ResizeOptions:
    """The resizer's options for a box of the image (left, top, side)."""
    left, top, side = box
    convolution = ResizeAlg.convolution(FILTERS[preprocess.interpolation])
    return ResizeOptions(convolution, use_alpha=False, crop_box=CropBox(left, top, side, side))


def rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB. 16-bit grey keeps its upper byte; `convert` would clip it to white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, BACKGROUND)
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")
