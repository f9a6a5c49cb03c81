"""BMP: its variants, and alpha channels that no program uses."""

from __future__ import annotations

from functools import partial
from typing import Final

from PIL import Image

from services.classifier.decoding.source import PILLOW_BYTES, Source, opened
from services.classifier.problems import ImageUnsupported

OS2_HEADER: Final = 12
HEADERS: Final = {OS2_HEADER, 16, 40, 52, 56, 64, 108, 124}
# 0 with a JPEG or PNG inside.
DEPTHS: Final = {0, 1, 2, 4, 8, 16, 24, 32, 64}
# RGB, RLE8, RLE4, bit fields, JPEG, PNG, bit fields with alpha; or of OS/2: 3 is Huffman, 4 RLE24.
COMPRESSIONS: Final = range(7)


def bmp_source(data: bytes) -> Source:
    """Raises ImageUnsupported for a valid variant that Pillow does not read, and what Pillow raises."""
    try:
        image = opened("BMP", data)
    except OSError as err:
        if variant := _variant(data):
            raise ImageUnsupported(f"{variant} is not supported; save it as PNG.") from err
        raise
    return Source(image.width, image.height, 1, PILLOW_BYTES, partial(_opaque, image))


def _opaque(image: Image.Image) -> Image.Image:
    """The decoded image; opaque if all of it would be transparent: then the alpha channel was never meant as such."""
    image.load()
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)
    return image


def _variant(data: bytes) -> str:
    """A valid header's bits per pixel and compression in words; empty if the header is invalid."""
    header = int.from_bytes(data[14:18], "little")
    at = 24 if header == OS2_HEADER else 28
    depth = int.from_bytes(data[at : at + 2], "little")
    compression = 0 if header <= 16 else int.from_bytes(data[30:34], "little")
    if header in HEADERS and depth in DEPTHS and compression in COMPRESSIONS:
        return f"BMP with {depth} bits per pixel and compression {compression}"
    return ""
