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
from PIL import _avif

from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.source import Pixels, Source
from services.classifier.problems import ImageCorrupt, ImageUnsupported

# The planes of the decoder, and the pixels made from them. More with 10 bits.
BYTES: Final = 12
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
            (width, height), _ = image.size_mode
            # libheif turns the image.
            return Source(width, height, UPRIGHT, BYTES, partial(_heic_pixels, image))
    raise ImageUnsupported(NOT_HEVC)


def _heic_pixels(image: Any) -> Pixels:
    try:
        rows = image.data
    except (ValueError, RuntimeError) as err:
        if "nsupported" in str(err):
            raise ImageUnsupported(NOT_HEVC) from err
        raise
    (width, height), mode = image.size_mode
    pixels = np.frombuffer(rows, np.uint8).reshape(height, image.stride)
    return pixels[:, : width * len(mode)].reshape(height, width, len(mode))


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
    return Source(width, height, turned, BYTES, partial(_avif_pixels, decoder, (height, width, len(mode))))


def _largest_declared(data: bytes) -> Source:
    """What cannot be decoded, with the largest of the sizes that the file declares."""
    sizes = [(int.from_bytes(width), int.from_bytes(height)) for width, height in SIZE.findall(data[:MAX_HEADER])]
    width, height = max(sizes, key=math.prod, default=(1, 1))
    return Source(width, height, UPRIGHT, BYTES, _corrupt)


def _corrupt() -> NoReturn:
    raise ImageCorrupt("The AVIF image is corrupt or truncated.")


def _avif_pixels(decoder: Any, shape: tuple[int, int, int]) -> Pixels:
    pixels, *_ = decoder.get_frame(0)
    return np.frombuffer(pixels, np.uint8).reshape(shape)
