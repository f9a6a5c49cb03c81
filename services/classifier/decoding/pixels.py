"""Decode an image's bytes to the uint8 pixels that a network takes."""

from __future__ import annotations

import io
import struct
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from services.classifier.decoding.colour import rgb
from services.classifier.decoding.jpeg import Header, jpeg_header, jpeg_pixels, require_few_scans
from services.classifier.decoding.placement import placement
from services.classifier.decoding.resize import Pixels, ReadRows, network_input, network_input_in_bands
from services.classifier.decoding.webp import first_frame, webp_size
from services.classifier.problems import ImageCorrupt, ImageTooManyPixels, ImageUnsupported
from services.preprocess import Preprocess

MAX_SIDE: Final = 10_000
MAX_PIXELS: Final = 25_000_000
# Bytes per pixel while decoding: one copy in Pillow; the coefficients of a JPEG with several scans; three copies with
# libwebp.
COST: Final = 4
COST_OF_SCANS: Final = 8
COST_OF_WEBP: Final = 12
# Images that take more memory are decoded one at a time.
LARGE_BYTES: Final = 64 * 2**20
NO_LOCK: Final = nullcontext()

# Our own check of the size comes first, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False

SIGNATURES: Final = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
}
ORIENTATION: Final = 0x0112
# What Pillow raises for corrupt files.
CORRUPT: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)


def image_format(data: bytes) -> str:
    """JPEG, PNG, GIF, BMP or WEBP, from the first bytes; raises ImageUnsupported."""
    for name, signatures in SIGNATURES.items():
        if data.startswith(signatures) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    raise ImageUnsupported("The image is not in a supported format: JPEG, PNG, WebP, GIF or BMP.")


def decoded_pixels(data: bytes, preprocess: Preprocess, lock: AbstractContextManager[Any] = NO_LOCK) -> Pixels:
    """The upright image as uint8 [height, width, channels], resized and cropped; its first frame, on white.

    The channels are red, green and blue, or gray. Large images are decoded while holding `lock`. Raises
    ImageUnsupported, ImageCorrupt, ImageTooManyPixels or ImageTooComplex.
    """
    kind = image_format(data)
    if kind == "JPEG":
        header = jpeg_header(data)
        _check_size(header.width, header.height)
        require_few_scans(data, header)
        cost = (0 if header.single_scan else COST_OF_SCANS) + (0 if preprocess.decode == "fast" else COST)
        with _lock_for(header.width * header.height * cost, lock):
            if (pixels := _jpeg(data, header, preprocess)) is not None:
                return pixels
    return _by_pillow(data, kind, preprocess, lock)


def _jpeg(data: bytes, header: Header, preprocess: Preprocess) -> Pixels | None:
    """Without Pillow, in half the time or less; None if Pillow should decode it (CMYK, unusual or corrupt)."""
    if header.components not in (1, 3):
        return None
    orientation = _segment_orientation(header.exif) if header.exif else 1
    place = placement(header.width, header.height, orientation, preprocess)
    try:
        pixels = jpeg_pixels(data, (place.width, place.height) if preprocess.decode == "fast" else None)
    except ValueError:
        return None
    if preprocess.decode == "fast":
        return _upright(network_input(with_channels(pixels, preprocess), place, preprocess), orientation)
    return _by_rows(lambda upper, lower: pixels[upper:lower], (header.width, header.height), orientation, preprocess)


def _by_pillow(data: bytes, kind: str, preprocess: Preprocess, lock: AbstractContextManager[Any]) -> Pixels:
    try:
        if kind == "WEBP":
            return _webp(data, preprocess, lock)
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _check_size(*image.size)
            cost = COST + (COST_OF_SCANS if kind == "JPEG" else 0)
            with _lock_for(image.width * image.height * cost, lock):
                image.load()
                return _by_rows(_rows(image), image.size, _image_orientation(image), preprocess)
    except UnidentifiedImageError as err:
        raise ImageCorrupt(f"The {kind} image is corrupt.") from err
    except CORRUPT as err:
        raise ImageCorrupt(f"The {kind} image is corrupt or truncated.") from err


def _webp(data: bytes, preprocess: Preprocess, lock: AbstractContextManager[Any]) -> Pixels:
    width, height = webp_size(data)
    _check_size(width, height)
    with _lock_for(width * height * COST_OF_WEBP, lock):
        image, exif = first_frame(data)
        return _by_rows(_rows(image), image.size, _segment_orientation(exif) if exif else 1, preprocess)


def _rows(image: Image.Image) -> ReadRows:
    """Read rows of a decoded image as RGB."""
    return lambda upper, lower: np.asarray(rgb(image.crop((0, upper, image.width, lower))))


def _by_rows(read: ReadRows, size: tuple[int, int], orientation: int, preprocess: Preprocess) -> Pixels:
    """The network's input from rows of RGB, without a second copy of the whole image."""

    def rows(upper: int, lower: int) -> Pixels:
        return with_channels(read(upper, lower), preprocess)

    place = placement(*size, orientation, preprocess)
    return _upright(network_input_in_bands(rows, size, place, preprocess), orientation)


def with_channels(pixels: Pixels, preprocess: Preprocess) -> Pixels:
    """RGB as it is, or gray [height, width, 1]. The network itself turns RGB to BGR."""
    if preprocess.channels != "gray":
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., np.newaxis]


def _lock_for(size: int, lock: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    """What to hold while decoding takes `size` bytes."""
    return lock if size > LARGE_BYTES else NO_LOCK


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageCorrupt("The image has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooManyPixels(
            f"The image has {width} × {height} pixels; the limits are {MAX_SIDE:,} per side and {MAX_PIXELS:,} in all."
        )


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply EXIF's orientation to the network's input; `placement` has taken it into account."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _orientation(exif: Image.Exif) -> int:
    """EXIF's orientation, 1 to 8; 1 if it is missing or invalid."""
    value = exif.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _image_orientation(image: Image.Image) -> int:
    """The orientation of an opened image; 1 if its EXIF data is corrupt."""
    try:
        return _orientation(image.getexif())
    except CORRUPT:
        return 1


def _segment_orientation(segment: bytes) -> int:
    """The orientation in the EXIF segment of a JPEG or WebP; 1 if it is corrupt."""
    exif = Image.Exif()
    try:
        exif.load(segment)
        return _orientation(exif)
    except CORRUPT:
        return 1
