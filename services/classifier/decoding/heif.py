"""HEIC and AVIF: the primary image of a file, in 8 bits per channel.

Their decoders are called without their Pillow plug-ins, which copy the pixels twice and read all metadata. The file's
own transformations are normative: Exif data, which repeats them, is ignored.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any, Final, NoReturn

import _pillow_heif
import numpy as np
from PIL import Image, _avif

from services.classifier.decoding.colour import PREMULTIPLIED
from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.resize import Pixels
from services.classifier.decoding.source import Source
from services.classifier.problems import ImageCorrupt, ImageUnsupported

# The size of all planes relative to one, by libheif's number of the chroma format: gray, 4:2:0, 4:2:2, 4:4:4.
PLANES: Final = {0: 1.0, 1: 1.5, 2: 2.0, 3: 3.0}
# The configuration of an AV1 image: whether it has more than 8 bits, is gray, and has fewer columns and rows of chroma.
AV1: Final = re.compile(rb"av1C..(.)", re.DOTALL)
HIGH_BIT_DEPTH, GRAY, FEWER_COLUMNS, FEWER_ROWS = 0x40, 0x10, 0x08, 0x04
UPRIGHT: Final = 1
NOT_HEVC: Final = "HEIF with another coding than HEVC is not supported; save it as JPEG."
# The property that declares an image's width and height.
SIZE: Final = re.compile(rb"ispe.{4}(.{4})(.{4})", re.DOTALL)
MAX_HEADER: Final = 1 << 16
# Of libheif's binding: the number of threads; 8 bits per channel; RGB, not BGR; rows as they are; the default decoder;
# with its limits on memory.
LIBHEIF_OPTIONS: Final = (1, True, False, False, False, "", False)


def heic_source(data: bytes) -> Source:
    """Raises ImageUnsupported if the file's images are not HEVC, ValueError or another exception if it is corrupt."""
    images, _ = _pillow_heif.load_file(data, *LIBHEIF_OPTIONS)
    for image in images:
        if image is not None and image.primary:
            (width, height), mode = image.size_mode
            # libheif turns the image.
            return Source(width, height, UPRIGHT, _heic_cost(image, mode), partial(_heic_pixels, image))
    raise ImageUnsupported(NOT_HEVC)


def _heic_cost(image: Any, mode: str) -> float:
    """Measured, in bytes per pixel: libde265's planes and libheif's, alpha's, and the result."""
    depth = 1 if image.bit_depth == 8 else 2
    return 4 + depth * (2 * PLANES.get(image.chroma, 3.0) + (4 if mode in ("RGBA", "LA") else 0))


def _heic_pixels(image: Any) -> Pixels | Image.Image:
    try:
        rows = image.data
    except (ValueError, RuntimeError) as err:
        if "nsupported" in str(err):
            raise ImageUnsupported(NOT_HEVC) from err
        raise
    (width, height), mode = image.size_mode
    if mode.startswith("I"):
        # Gray with more than 8 bits, which the binding does not reduce.
        wide = np.frombuffer(rows, np.uint16).reshape(height, image.stride // 2)[:, :width, np.newaxis]
        return (wide >> np.uint16(image.bit_depth - 8)).astype(np.uint8)
    lines = np.frombuffer(rows, np.uint8).reshape(height, image.stride)
    pixels = lines[:, : width * len(mode)].reshape(height, width, len(mode))
    return Image.fromarray(pixels, mode) if mode in PREMULTIPLIED else pixels


def avif_source(data: bytes) -> Source:
    """Raises ValueError or another exception if the file is corrupt."""
    try:
        decoder = _avif.AvifDecoder(data, "auto", 1)
    except SyntaxError:
        # libavif refuses large sizes itself, by the same error as damaged files.
        return _largest_declared(data)
    (width, height), _, mode, _, exif, turned, xmp = decoder.get_info()
    if turned == UPRIGHT and not exif:
        turned = orientation([], [xmp or b""])
    return Source(
        width, height, turned, _avif_cost(data, mode), partial(_avif_pixels, decoder, (height, width, len(mode)))
    )


def _largest_declared(data: bytes) -> Source:
    """What cannot be decoded, with the largest of the sizes that the file declares."""
    sizes = [(int.from_bytes(width), int.from_bytes(height)) for width, height in SIZE.findall(data[:MAX_HEADER])]
    width, height = max(sizes, key=math.prod, default=(1, 1))
    return Source(width, height, UPRIGHT, 0, _corrupt)


def _avif_cost(data: bytes, mode: str) -> float:
    """Measured, in bytes per pixel: the planes, alpha's, libavif's result and Pillow's copy of it."""
    planes = depth = 1.0
    for (flags,) in AV1.findall(data[:MAX_HEADER]):
        depth = 2.0 if flags & HIGH_BIT_DEPTH else depth
        if not flags & GRAY:
            planes = max(planes, 3.0 if not flags & FEWER_COLUMNS else 2.0 if not flags & FEWER_ROWS else 1.5)
    return 2 * len(mode) + 1 + depth * (planes + (mode[-1] == "A"))


def _corrupt() -> NoReturn:
    raise ImageCorrupt("The AVIF image is corrupt or truncated.")


def _avif_pixels(decoder: Any, shape: tuple[int, int, int]) -> Pixels:
    pixels, *_ = decoder.get_frame(0)
    return np.frombuffer(pixels, np.uint8).reshape(shape)
