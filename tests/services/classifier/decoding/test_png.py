"""A PNG is not refused for its ancillary chunks."""

import zlib

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.image_files import chunk, encoded, gradient, noise, packed_zeros
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageUnsupported
from tests.services.classifier.decoding.comparison import RECIPE, difference

UPRIGHT = gradient()
PLAIN = encoded(UPRIGHT)
PALETTE = encoded(UPRIGHT.quantize(200))
EXPECTED = decoded_pixels(PLAIN, RECIPE)
ANCILLARY = (
    b"tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI tEXt zTXt iTXt bKGD hIST pHYs sPLT eXIf tIME acTL fcTL fdAT caBX"
    b" gIFx oFFs pCAL sCAL sTER vpAg prVt npTc dSIG"
)
CONTENTS = {
    "empty": b"",
    "one-byte": b"\x01",
    "short": b"\x00\x01\x02",
    "keyword": b"Raw profile type exif\x00\x00" + noise(50),
    "xmp": b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + noise(50),
    "long": noise(100_000),
    "bomb": b"XML:com.adobe.xmp\x00\x00" + packed_zeros(1 << 24),
    "profile-bomb": b"Raw profile type exif\x00\x00" + packed_zeros(1 << 24),
}


def with_chunk(data: bytes, extra: bytes, *, before_pixels: bool = True) -> bytes:
    at = data.index(b"IDAT") - 4 if before_pixels else len(data) - 12
    return data[:at] + extra + data[at:]


def bad_checksum(extra: bytes) -> bytes:
    return extra[:-1] + bytes([extra[-1] ^ 1])


@pytest.mark.parametrize("name", ANCILLARY.split(), ids=bytes.decode)
def test_an_ancillary_chunk_is_ignored_whatever_it_contains(name: bytes) -> None:
    for content in CONTENTS.values():
        extra = chunk(name, content)
        for variant in (extra, bad_checksum(extra), extra * 3):
            for before_pixels in (True, False):
                found = decoded_pixels(with_chunk(PLAIN, variant, before_pixels=before_pixels), RECIPE)
                assert difference(found, EXPECTED) == 0


def test_a_chunk_between_the_pixels_is_ignored() -> None:
    at = PLAIN.index(b"IDAT") - 4
    size = int.from_bytes(PLAIN[at : at + 4])
    pixels = PLAIN[at + 8 : at + 8 + size]
    parts = [chunk(b"IDAT", pixels[:100]), chunk(b"tEXt", b"a\x00b"), chunk(b"IDAT", b""), chunk(b"IDAT", pixels[100:])]
    data = PLAIN[:at] + b"".join(parts) + PLAIN[at + 12 + size :]
    assert difference(decoded_pixels(data, RECIPE), EXPECTED) == 0


def test_a_megabyte_of_text_in_front_of_an_orientation_is_no_reason_to_ignore_it() -> None:
    xmp = b'<tiff:Orientation="3"/>' + bytes(1 << 21)
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(xmp))
    turned = encoded(UPRIGHT.transpose(Image.Transpose.ROTATE_180))
    assert difference(decoded_pixels(with_chunk(turned, text), RECIPE), EXPECTED) == 0


@pytest.mark.parametrize(
    ("transparency", "expected"),
    [
        pytest.param(chunk(b"tRNS", bytes([0] * 200)), 255, id="valid"),
        pytest.param(chunk(b"tRNS", b"\x00"), None, id="shorter"),
        pytest.param(bad_checksum(chunk(b"tRNS", bytes([0] * 200))), None, id="bad-checksum"),
        pytest.param(chunk(b"tRNS", bytes(257)), None, id="too-long"),
        pytest.param(chunk(b"tRNS", b""), None, id="empty"),
    ],
)
def test_valid_transparency_counts_and_invalid_is_ignored(transparency: bytes, expected: int | None) -> None:
    found = decoded_pixels(with_chunk(PALETTE, transparency), RECIPE)
    if expected is not None:
        assert np.unique(found).tolist() == [expected]
    else:
        assert np.unique(found).size > 100


def test_transparency_of_one_colour_counts() -> None:
    red = Image.new("RGB", (300, 300), (200, 0, 0))
    transparent = chunk(b"tRNS", b"\x00\xc8\x00\x00\x00\x00")
    assert decoded_pixels(with_chunk(encoded(red), transparent), RECIPE).min() == 255
    assert decoded_pixels(with_chunk(encoded(red), transparent[:-5] + b"\x01" + transparent[-4:]), RECIPE).min() == 0


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT"])
def test_damaged_critical_chunks_are_still_corrupt(name: bytes) -> None:
    data = bytearray(PLAIN)
    data[data.index(name) + 14] ^= 0xFF
    with pytest.raises(ImageCorrupt):
        decoded_pixels(bytes(data), RECIPE)


def test_apple_s_chunk_in_a_standard_png_is_ignored() -> None:
    assert difference(decoded_pixels(with_chunk(PLAIN, chunk(b"CgBI", bytes(4))), RECIPE), EXPECTED) == 0


def test_apple_s_variant_is_named() -> None:
    data = PLAIN[:8] + chunk(b"CgBI", b"\x50\x00\x20\x02") + PLAIN[8:]
    with pytest.raises(ImageUnsupported, match="CgBI"):
        decoded_pixels(data, RECIPE)
