"""Parse a WebP's header, and decode its first frame in less memory than `Image.open` takes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Final

import numpy as np
from PIL import Image, _webp

from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.resize import Pixels
from services.classifier.decoding.source import Source
from services.classifier.problems import ImageCorrupt

# Bytes per pixel: libwebp's copy of a lossless image, beside the result.
STILL_BYTES: Final = 4
# Two canvases of libwebp, and Pillow's copy.
ANIMATION_BYTES: Final = 12
# The flags of an extended file.
ANIMATED, ALPHA = 0x02, 0x10
# In the fifth byte of a lossless image.
LOSSLESS_ALPHA: Final = 0x10
# A long animation has one for each frame.
MAX_CHUNKS: Final = 10_000
# Pillow's binding has only libwebp's decoder of animations, which copies the image twice. These are libwebp's own
# functions, by the number of channels.
LIBWEBP: Final = ctypes.CDLL(_webp.__file__)
STILL_DECODERS: Final = {3: LIBWEBP.WebPDecodeRGBInto, 4: LIBWEBP.WebPDecodeRGBAInto}
for _function in STILL_DECODERS.values():
    # The file and its size; the buffer, its size and its bytes per row. Null if the file is corrupt.
    _function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    _function.restype = ctypes.c_void_p


def webp_source(data: bytes) -> Source:
    """Raises ImageCorrupt."""
    width, height, flags = _header(data)
    chunks = list(islice(_chunks(data), MAX_CHUNKS))
    upright = orientation(
        [bytes(content) for name, content in chunks if name == b"EXIF"],
        [bytes(content) for name, content in chunks if name == b"XMP "],
    )
    if flags & ANIMATED:
        return Source(width, height, upright, ANIMATION_BYTES, partial(_first_frame, data))
    alpha = any(_has_alpha(name, content, flags) for name, content in chunks)
    shape = (height, width, 4 if alpha else 3)
    return Source(width, height, upright, STILL_BYTES + shape[2], partial(_still, data, shape))


def _header(data: bytes) -> tuple[int, int, int]:
    """Width, height and the flags of an extended file; raises ImageCorrupt."""
    kind = data[12:16]
    if len(data) >= 30 and kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height, data[20]
    if len(data) >= 30 and kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return width, height, 0
    if len(data) >= 25 and kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 0
    raise ImageCorrupt("The WebP image is corrupt.")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk."""
    position, view = 12, memoryview(data)
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        yield name, view[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _has_alpha(name: bytes, content: memoryview, flags: int) -> bool:
    """Whether this chunk is an image with alpha, as libwebp decides."""
    if name == b"VP8L":
        return len(content) > 4 and bool(content[4] & LOSSLESS_ALPHA)
    return name == b"VP8 " and bool(flags & ALPHA)


def _still(data: bytes, shape: tuple[int, int, int]) -> Pixels:
    """The image, if it is no animation."""
    pixels = np.zeros(shape, np.uint8)
    if not STILL_DECODERS[shape[2]](data, len(data), pixels.ctypes.data, pixels.nbytes, pixels.strides[0]):
        raise ImageCorrupt("The WEBP image is corrupt or truncated.")
    return pixels


def _first_frame(data: bytes) -> Image.Image:
    """The first frame of an animation; raises OSError if it is corrupt."""
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    pixels, _ = decoder.get_next()
    # Free the decoder's two copies of the image.
    del decoder
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
