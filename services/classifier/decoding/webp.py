"""Parse a WebP's header, and decode its first frame in less memory than `Image.open` takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from PIL import Image, _webp

from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.source import Source
from services.classifier.problems import ImageCorrupt

# libwebp's two copies, and ours.
WEBP_BYTES: Final = 12


def webp_source(data: bytes) -> Source:
    """Raises ImageCorrupt."""
    width, height = _size(data)
    chunks = list(_chunks(data))
    upright = orientation(
        [content for name, content in chunks if name == b"EXIF"],
        [content for name, content in chunks if name == b"XMP "],
    )
    return Source(width, height, upright, WEBP_BYTES, partial(_first_frame, data))


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header; raises ImageCorrupt."""
    kind = data[12:16]
    if len(data) >= 30 and kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if len(data) >= 30 and kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if len(data) >= 25 and kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise ImageCorrupt("The WebP image is corrupt.")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the metadata."""
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if name in (b"EXIF", b"XMP "):
            yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _first_frame(data: bytes) -> Image.Image:
    """The image, or the first frame of an animation; raises OSError if it is corrupt."""
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    pixels, _ = decoder.get_next()
    # Free the decoder's two copies of the image.
    del decoder
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
