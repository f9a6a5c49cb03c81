"""Decode an image's bytes to the uint8 pixels that a network takes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from services.classifier.decoding.bmp import bmp_source
from services.classifier.decoding.colour import rgb
from services.classifier.decoding.formats import image_format
from services.classifier.decoding.jpeg import Header, jpeg_header, jpeg_pixels, only_needed, require_few_scans
from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.placement import placement
from services.classifier.decoding.png import png_source
from services.classifier.decoding.resize import Pixels, ReadRows, network_input, network_input_in_bands
from services.classifier.decoding.source import PILLOW_BYTES, Source, loaded, opened
from services.classifier.decoding.webp import webp_source
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels
from services.preprocess import Preprocess

MAX_SIDE: Final = 10_000
MAX_PIXELS: Final = 25_000_000
# Bytes per pixel and channel: a JPEG with several scans is decoded from the coefficients of all.
COEFFICIENT_BYTES: Final = 2
MAX_BYTES: Final = 300 * 2**20
# Copies of the file: the service's, the memory that both processes map, the worker's, the decoder's.
COPIES: Final = 5
# Images that take more memory are decoded one at a time.
LARGE_BYTES: Final = 64 * 2**20
NO_LOCK: Final = nullcontext()
# The start of an application extension.
GIF_XMP: Final = b"\x21\xff\x0bXMP DataXMP"
MAX_XMP: Final = 1 << 20

# What Pillow and its plug-ins raise for corrupt files.
CORRUPT: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    struct.error,
)

Lock = AbstractContextManager[Any]


def decoded_pixels(data: bytes, preprocess: Preprocess, lock: Lock = NO_LOCK) -> Pixels:
    """The upright image as uint8 [height, width, channels], resized and cropped; its first frame, on white.

    The channels are red, green and blue, or gray. Large images are decoded while holding `lock`. Raises
    ImageUnsupported, ImageCorrupt, ImageTooManyPixels or ImageTooComplex.
    """
    kind = image_format(data)
    if kind == "JPEG":
        return _jpeg(data, preprocess, lock)
    try:
        source = SOURCES[kind] if kind in SOURCES else rare_sources()[kind]
        return _from_source(source(data), data, preprocess, lock)
    except CORRUPT as err:
        raise _corrupt(kind, err) from err


def _corrupt(kind: str, error: Exception) -> ImageCorrupt:
    truncated = "" if isinstance(error, UnidentifiedImageError) else " or truncated"
    return ImageCorrupt(f"The {kind} image is corrupt{truncated}.")


def _gif_source(data: bytes) -> Source:
    image = opened("GIF", data)
    # Pillow skips it.
    at = data.find(GIF_XMP)
    upright = orientation([], [data[at : at + MAX_XMP]] if at >= 0 else [])
    return Source(image.width, image.height, upright, PILLOW_BYTES, partial(loaded, image))


# Read the header; raises a Problem, or one of CORRUPT.
ReadHeader = Callable[[bytes], Source]
SOURCES: Final[dict[str, ReadHeader]] = {
    "PNG": png_source,
    "GIF": _gif_source,
    "BMP": bmp_source,
    "WEBP": webp_source,
}


def rare_sources() -> dict[str, ReadHeader]:
    """Of the formats whose decoders take 20 ms to import; raises ImportError in a worker forked before they were."""
    from services.classifier.decoding.heif import avif_source, heic_source
    from services.classifier.decoding.tiff import tiff_source

    return {"HEIC": heic_source, "AVIF": avif_source, "TIFF": tiff_source}


def _from_source(source: Source, data: bytes, preprocess: Preprocess, lock: Lock) -> Pixels:
    _check_size(source.width, source.height)
    with _lock_for(source.width * source.height * source.bytes_per_pixel, data, lock):
        decoded = source.decoded()
        stored = decoded.size if isinstance(decoded, Image.Image) else (decoded.shape[1], decoded.shape[0])
        return _by_rows(_rows(decoded), stored, source.orientation, preprocess)


def _jpeg(data: bytes, preprocess: Preprocess, lock: Lock) -> Pixels:
    header = jpeg_header(data)
    _check_size(header.width, header.height)
    require_few_scans(data, header)
    coefficients = 0 if header.single_scan else COEFFICIENT_BYTES * header.components
    size = header.width * header.height * (coefficients + (0 if preprocess.decode == "fast" else header.components))
    with _lock_for(size, data, lock):
        if (pixels := _without_pillow(data, header, preprocess)) is not None:
            return pixels
    try:
        image = opened("JPEG", only_needed(data, header))
        cost = PILLOW_BYTES + COEFFICIENT_BYTES * header.components
        source = Source(image.width, image.height, header.orientation, cost, partial(loaded, image))
        return _from_source(source, data, preprocess, lock)
    except CORRUPT as err:
        raise _corrupt("JPEG", err) from err


def _without_pillow(data: bytes, header: Header, preprocess: Preprocess) -> Pixels | None:
    """In half the time or less; None if Pillow should decode it (lossless, unusual or corrupt)."""
    if header.lossless:
        return None
    place = placement(header.width, header.height, header.orientation, preprocess)
    try:
        pixels = jpeg_pixels(data, header, (place.width, place.height) if preprocess.decode == "fast" else None)
    except ValueError:
        return None
    if preprocess.decode == "fast":
        reduced = with_channels(_as_rgb(pixels), preprocess)
        return _upright(network_input(reduced, place, preprocess), header.orientation)
    size = header.width, header.height
    return _by_rows(lambda upper, lower: _as_rgb(pixels[upper:lower]), size, header.orientation, preprocess)


def _as_rgb(pixels: Pixels) -> Pixels:
    """RGB from what `jpeg_pixels` returns."""
    if pixels.shape[2] == 3:
        return pixels
    return np.asarray(Image.fromarray(255 - pixels, "CMYK").convert("RGB"))


def _rows(decoded: Image.Image | Pixels) -> ReadRows:
    """Read rows of a decoded image as RGB."""
    if isinstance(decoded, Image.Image):
        return lambda upper, lower: np.asarray(rgb(decoded.crop((0, upper, decoded.width, lower))))
    if decoded.shape[2] == 3:
        return lambda upper, lower: decoded[upper:lower]
    # Pillow wants gray without its axis.
    one = (2,) if decoded.shape[2] == 1 else ()
    return lambda upper, lower: np.asarray(rgb(Image.fromarray(decoded[upper:lower].squeeze(one))))


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


def _lock_for(size: float, data: bytes, lock: Lock) -> Lock:
    """What to hold while decoding `data` takes `size` bytes; raises ImageTooComplex if that is too much."""
    if size + COPIES * len(data) > MAX_BYTES:
        raise ImageTooComplex("Decoding the image needs too much memory; send it with fewer pixels, channels or bits.")
    return lock if size > LARGE_BYTES else NO_LOCK


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageCorrupt("The image has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageTooManyPixels(
            f"The image has {width} × {height} pixels; the limits are {MAX_SIDE:,} per side and {MAX_PIXELS:,} in all."
        )


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply the orientation to the network's input; `placement` has taken it into account."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
