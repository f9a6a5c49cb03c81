"""TIFF of different makers, and hostile ones."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness.image_files import encoded, gradient, tiff, tiff_entry
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported
from services.problems import Problem
from tests.services.classifier.decoding.comparison import RECIPE, difference

RGB = gradient()
PIXELS = np.asarray(RGB)
WIDE = PIXELS.astype(np.uint16) * 257
GRAY = RGB.convert("L")
WIDE_GRAY = np.asarray(GRAY).astype(np.uint16) * 257
RGBA = RGB.convert("RGBA")
RGBA.putalpha(Image.linear_gradient("L").resize(RGB.size))


def written(pixels: NDArray[Any], **options: Any) -> bytes:
    """As tifffile writes it."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **{"photometric": "rgb" if pixels.ndim > 2 else "minisblack"} | options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(encoded(RGB, "TIFF"), RGB, id="pillow"),
        pytest.param(encoded(RGB, "TIFF", compression="tiff_lzw"), RGB, id="lzw"),
        pytest.param(encoded(RGB, "TIFF", compression="tiff_adobe_deflate"), RGB, id="deflate"),
        pytest.param(encoded(RGB, "TIFF", compression="packbits"), RGB, id="packbits"),
        pytest.param(encoded(RGB, "TIFF", compression="jpeg", quality=95), RGB, id="jpeg"),
        pytest.param(encoded(RGB.convert("1"), "TIFF", compression="group3"), RGB.convert("1"), id="fax3"),
        pytest.param(encoded(RGB.convert("1"), "TIFF", compression="group4"), RGB.convert("1"), id="fax4"),
        pytest.param(encoded(RGB.convert("CMYK"), "TIFF"), RGB, id="cmyk"),
        pytest.param(encoded(RGB.quantize(99), "TIFF"), RGB.quantize(99).convert("RGB"), id="palette"),
        pytest.param(encoded(RGBA, "TIFF", compression="tiff_lzw"), RGBA, id="alpha"),
        pytest.param(
            written(
                np.asarray(RGBA.convert("LA").convert("La")), photometric="minisblack", extrasamples=["assocalpha"]
            ),
            RGBA.convert("LA"),
            id="gray-with-premultiplied-alpha",
        ),
        pytest.param(written(PIXELS), RGB, id="tifffile"),
        pytest.param(written(PIXELS, bigtiff=True), RGB, id="big"),
        pytest.param(written(PIXELS, byteorder=">"), RGB, id="big-endian"),
        pytest.param(written(PIXELS, tile=(64, 64)), RGB, id="tiles"),
        pytest.param(written(PIXELS, rowsperstrip=7), RGB, id="strips"),
        pytest.param(written(WIDE), RGB, id="16-bit"),
        pytest.param(written(WIDE.astype(">u2"), byteorder=">"), RGB, id="16-bit-big-endian"),
        pytest.param(written(WIDE_GRAY), GRAY, id="16-bit-gray"),
        pytest.param(written(WIDE_GRAY.astype(">u2"), byteorder=">"), GRAY, id="16-bit-gray-big-endian"),
        pytest.param(written(255 - np.asarray(GRAY), photometric="miniswhite"), GRAY, id="white-is-zero"),
        pytest.param(written(65535 - WIDE_GRAY, photometric="miniswhite"), GRAY, id="16-bit-white-is-zero"),
        pytest.param(written(PIXELS.transpose(2, 0, 1).copy(), planarconfig="separate"), RGB, id="planes"),
        pytest.param(
            written(WIDE.transpose(2, 0, 1).copy(), planarconfig="separate", compression="adobe_deflate"),
            RGB,
            id="16-bit-planes",
        ),
        pytest.param(written(np.stack([PIXELS, 255 - PIXELS, PIXELS])), RGB, id="first-of-three-pages"),
        pytest.param(encoded(RGB, "TIFF", save_all=True, append_images=[GRAY] * 2), RGB, id="pages-of-pillow"),
        pytest.param(encoded(RGB, "TIFF", icc_profile=bytes(999), description="x" * 5000), RGB, id="metadata"),
    ],
)
def test_the_first_page_is_decoded(data: bytes, expected: Image.Image) -> None:
    assert difference(decoded_pixels(data, RECIPE), decoded_pixels(encoded(expected), RECIPE)) < 1


@pytest.mark.parametrize(
    ("data", "named"),
    [
        pytest.param(written(PIXELS.astype(np.float32)), "3 channels of 32 bits", id="float"),
        pytest.param(
            written(np.zeros((50, 50, 5), np.uint8), photometric="minisblack", planarconfig="contig"),
            "5 channels",
            id="five-channels",
        ),
        pytest.param(
            written(WIDE.transpose(2, 0, 1).copy(), planarconfig="separate"), "separate planes", id="16-bit-planes"
        ),
        pytest.param(encoded(Image.new("LAB", (99, 99)), "TIFF"), r"L\*a\*b\*", id="lab"),
        pytest.param(tiff(tiff_entry(259, 3, 34712)), "compression 34712", id="jpeg-2000"),
        pytest.param(tiff(tiff_entry(50706, 4, 1)), "DNG", id="camera-raw"),
    ],
)
def test_an_unsupported_kind_is_named(data: bytes, named: str) -> None:
    with pytest.raises(ImageUnsupported, match=named):
        decoded_pixels(data, RECIPE)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(encoded(RGB, "TIFF")[:5000], ImageCorrupt, id="truncated"),
        pytest.param(encoded(RGB, "TIFF", compression="tiff_lzw")[:5000], ImageCorrupt, id="truncated-lzw"),
        pytest.param(b"II*\x00\x08\x00\x00\x00\xff\xff", ImageCorrupt, id="no-directory"),
        pytest.param(b"II*\x00" + bytes(90), ImageCorrupt, id="zeros"),
        pytest.param(tiff(tiff_entry(262, 3, 77)), ImageCorrupt, id="invalid-colours"),
        pytest.param(tiff(tiff_entry(256, 4, 2**31), tiff_entry(257, 4, 2**31)), ImageTooManyPixels, id="huge"),
        pytest.param(tiff(tiff_entry(322, 4, 2**20), tiff_entry(323, 4, 2**20)), ImageTooComplex, id="huge-tiles"),
        pytest.param(tiff(tiff_entry(273, 4, 8, 2**24)), ImageTooComplex, id="millions-of-strips"),
        pytest.param(tiff(tiff_entry(320, 3, 8, 2**24)), ImageTooComplex, id="millions-of-colours"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused(data: bytes, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        decoded_pixels(data, RECIPE)


def test_tags_that_decoding_does_not_need_cost_nothing() -> None:
    metadata = [tiff_entry(40_000 + number, 1, 8, 2**23) for number in range(2000)]
    data = tiff(*metadata) + bytes(2**23)
    assert decoded_pixels(data, RECIPE).shape == (224, 224, 3)


def test_a_chain_of_directories_is_not_followed() -> None:
    data = tiff()
    directory = struct.pack("<H", 0)
    chain = b"".join(directory + struct.pack("<I", len(data) + 6 * number) for number in range(100_000))
    assert decoded_pixels(data[:-4] + struct.pack("<I", len(data)) + chain, RECIPE).shape == (224, 224, 3)
