"""Resize the part of an image that becomes the network's input, as Pillow or torch resizes the whole image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from cykooz_resizer import CropBox, FilterType, ImageData, PixelType, ResizeAlg, ResizeOptions, Resizer
from numpy.typing import NDArray
from PIL import Image

from services.classifier.decoding.placement import Placement
from services.preprocess import Preprocess

Pixels = NDArray[np.uint8]
# Left, top, width and height in pixels.
Box = tuple[float, float, float, float]
# Upper and lower row -> uint8 [rows, width, channels].
ReadRows = Callable[[int, int], Pixels]

# These equal Pillow's, and are three times as fast. Catmull-Rom is what Pillow and torchvision call bicubic.
FILTERS: Final = {
    "box": FilterType.box,
    "bilinear": FilterType.bilinear,
    "bicubic": FilterType.catmull_rom,
    "lanczos": FilterType.lanczos3,
}
PIXEL_TYPES: Final = {1: PixelType.U8, 3: PixelType.U8x3}
# The radius of the widest filter, in pixels of the result.
RADIUS: Final = 3
BAND_PIXELS: Final = 1 << 18


def network_input(pixels: Pixels, place: Placement, preprocess: Preprocess) -> Pixels:
    """The network's input from the pixels of the whole image."""
    height, width, _ = pixels.shape
    left, top, right, bottom = _visible(place)
    box = (
        left * width / place.width,
        top * height / place.height,
        (right - left) * width / place.width,
        (bottom - top) * height / place.height,
    )
    return _with_border(resized(pixels, box, (right - left, bottom - top), preprocess), place, preprocess)


def network_input_in_bands(
    read: ReadRows, size: tuple[int, int], place: Placement, preprocess: Preprocess, band_pixels: int = BAND_PIXELS
) -> Pixels:
    """The same for an image of `size` (width, height) that takes too much memory to convert as a whole.

    Rows are resized first and columns then, as in Pillow.
    """
    width, height = size
    left, top, right, bottom = _visible(place)
    x, y = width / place.width, height / place.height
    margin = math.ceil(RADIUS * max(1, y))
    first, last = max(0, int(top * y) - margin), min(height, math.ceil(bottom * y) + margin)
    rows = max(1, band_pixels // width)
    bands = [read(upper, min(upper + rows, last)) for upper in range(first, last, rows)]
    bands = [
        resized(band, (left * x, 0, (right - left) * x, len(band)), (right - left, len(band)), preprocess)
        for band in bands
    ]
    box = (0, top * y - first, right - left, (bottom - top) * y)
    pixels = resized(np.concatenate(bands), box, (right - left, bottom - top), preprocess)
    return _with_border(pixels, place, preprocess)


def resized(pixels: Pixels, box: Box, size: tuple[int, int], preprocess: Preprocess) -> Pixels:
    """The part of `pixels` in `box`, at `size` (width, height)."""
    height, width, channels = pixels.shape
    (left, across), (top, down) = _within(box[0], box[2], width), _within(box[1], box[3], height)
    box = (left, top, across, down)
    if not preprocess.antialias and preprocess.interpolation != "nearest":
        columns = _interpolated(pixels, box[0], box[2], size[0], 1, preprocess.interpolation)
        both = _interpolated(columns, box[1], box[3], size[1], 0, preprocess.interpolation)
        return both.round().clip(0, 255).astype(np.uint8)
    # fast_image_resize may read outside of an image that bicubic enlarges. It copies the columns and rows between those
    # that the first and the last pixel of the result need, without those of weight 0. Their neighbours may need more.
    enlarges = across < size[0] or down < size[1]
    if preprocess.interpolation not in FILTERS or (enlarges and preprocess.interpolation == "bicubic"):
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        corners = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        image = image.resize(size, Image.Resampling[preprocess.interpolation.upper()], corners)
        return np.asarray(image).reshape(size[1], size[0], channels)
    result = ImageData(*size, PIXEL_TYPES[channels])
    source = ImageData(width, height, PIXEL_TYPES[channels], pixels.tobytes())
    convolution = ResizeAlg.convolution(FILTERS[preprocess.interpolation])
    Resizer().resize(source, result, ResizeOptions(convolution, use_alpha=False, crop_box=CropBox(*box)))
    return np.frombuffer(result.get_buffer(), np.uint8).reshape(size[1], size[0], channels)


def _within(start: float, length: float, size: int) -> tuple[float, float]:
    """Start and length, whose sum may exceed `size` by a rounding error, which the resizers refuse."""
    start = max(0.0, start)
    return start, length if start + length <= size else math.nextafter(size - start, 0)


def _interpolated(
    pixels: NDArray[Any], start: float, length: float, count: int, axis: int, kind: str
) -> NDArray[np.float32]:
    """`count` samples from `length` pixels along an axis, each from the 2 or 4 pixels around it, as in torch."""
    at = start + (np.arange(count) + 0.5) * (length / count) - 0.5
    taps = np.array([0, 1] if kind == "bilinear" else [-1, 0, 1, 2])
    indices = np.floor(at).astype(np.int64)[:, None] + taps
    weights = _weights(np.abs(at[:, None] - indices), kind).astype(np.float32)
    near = np.take(pixels, indices.clip(0, pixels.shape[axis] - 1), axis)
    result: NDArray[np.float32] = np.einsum("rctk,ct->rck" if axis else "rtck,rt->rck", near, weights)
    return result


def _weights(distance: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """The weight of a pixel at this distance."""
    if kind == "bilinear":
        return 1 - distance
    # The cubic convolution of torch and OpenCV; Pillow's has -0.5.
    a = -0.75
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance <= 1, near, far)


def _visible(place: Placement) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the input in the resized image, without the border."""
    right, bottom = place.left + place.input_width, place.top + place.input_height
    return max(0, place.left), max(0, place.top), min(place.width, right), min(place.height, bottom)


def _with_border(pixels: Pixels, place: Placement, preprocess: Preprocess) -> Pixels:
    height, width, channels = pixels.shape
    if (height, width) == (place.input_height, place.input_width):
        return pixels
    result = np.empty((place.input_height, place.input_width, channels), np.uint8)
    result[...] = preprocess.border or 0
    left, top = max(0, -place.left), max(0, -place.top)
    result[top : top + height, left : left + width] = pixels
    return result
