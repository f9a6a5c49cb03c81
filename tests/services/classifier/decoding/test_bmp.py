"""Variants of BMP."""

import struct

import pytest
from PIL import Image

from benchmarks.harness.image_files import encoded, gradient
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageUnsupported
from tests.services.classifier.decoding.comparison import RECIPE, require_same_image


def bmp(pixels: bytes, width: int, height: int, depth: int, compression: int, masks: bytes = b"") -> bytes:
    """With a BITMAPV4HEADER."""
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, depth, compression, len(pixels), 0, 0, 0, 0)
    header += masks.ljust(108 - len(header), b"\x00")
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels


def with_alpha(alpha: int) -> bytes:
    image = gradient(60, 50).transpose(Image.Transpose.FLIP_TOP_BOTTOM).convert("RGBA")
    image.putalpha(alpha)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    return bmp(image.tobytes("raw", "BGRA"), 60, 50, 32, 3, masks)


@pytest.mark.parametrize("alpha", [0, 255])
def test_an_image_that_is_transparent_everywhere_is_opaque(alpha: int) -> None:
    require_same_image(with_alpha(alpha), encoded(gradient(60, 50)))


def test_alpha_counts_if_any_of_it_is_visible() -> None:
    require_same_image(with_alpha(1), encoded(Image.new("RGB", (60, 50), "white")))


@pytest.mark.parametrize(
    ("depth", "compression"),
    [
        pytest.param(24, 4, id="jpeg"),
        pytest.param(0, 5, id="png"),
        pytest.param(64, 0, id="64-bit"),
        pytest.param(16, 6, id="odd-bit-fields"),
    ],
)
def test_an_unsupported_variant_is_named(depth: int, compression: int) -> None:
    with pytest.raises(ImageUnsupported, match=f"BMP with {depth} bits per pixel and compression {compression}"):
        decoded_pixels(bmp(bytes(60 * 50 * 8), 60, 50, depth, compression, struct.pack("<4I", 7, 56, 448, 0)), RECIPE)


def test_an_invalid_header_is_corrupt() -> None:
    for depth, compression in [(7, 0), (24, 99)]:
        with pytest.raises(ImageCorrupt):
            decoded_pixels(bmp(bytes(60 * 50 * 4), 60, 50, depth, compression), RECIPE)
