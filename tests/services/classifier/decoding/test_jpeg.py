"""JPEGs with small defects, and the kinds of JPEG that are not supported."""

import re
import struct
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.harness.image_files import encoded, gradient, noise
from services.classifier.decoding.jpeg import MARKER, jpeg_header
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageUnsupported
from tests.services.classifier.decoding.comparison import RECIPE, RECIPES, require_same_image

UPRIGHT = gradient(640, 500)
FILES = {
    "baseline": encoded(UPRIGHT, "JPEG", quality=95),
    "progressive": encoded(UPRIGHT, "JPEG", quality=95, progressive=True),
    "gray": encoded(UPRIGHT.convert("L"), "JPEG", quality=95),
    "cmyk": encoded(UPRIGHT.convert("CMYK"), "JPEG", quality=95),
    "restart": encoded(UPRIGHT, "JPEG", quality=95, restart_marker_rows=4),
    "optimized": encoded(UPRIGHT, "JPEG", quality=95, optimize=True, comment=b"made by a test"),
}


def segments(data: bytes) -> list[int]:
    """The positions of all segments up to the first scan."""
    positions = [2]
    while data[positions[-1] + 1] != 0xDA:
        positions.append(positions[-1] + 2 + int.from_bytes(data[positions[-1] + 2 : positions[-1] + 4]))
    return positions


def later_markers(data: bytes) -> list[int]:
    """The positions of some markers in and after the first scan, the end marker included."""
    scan = segments(data)[-1] + 2
    positions = [match.start() for match in re.finditer(rb"\xff[\xc4\xd0-\xda]", data[scan:])]
    return [scan + position for position in (*positions[:12], positions[-1])]


def inserted(data: bytes, position: int, extra: bytes) -> bytes:
    return data[:position] + extra + data[position:]


def comment(content: bytes, length: int | None = None) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", len(content) + 2 if length is None else length) + content


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("stray", [b"\x00", b"abc", b"\xff", b"\xff\x00", bytes(5000)], ids=range(5))
def test_stray_bytes_before_a_marker_are_skipped(kind: str, stray: bytes) -> None:
    data = FILES[kind]
    for position in [*segments(data), *later_markers(data)]:
        require_same_image(inserted(data, position, stray), data)


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_end_marker_is_no_damage(kind: str) -> None:
    data = FILES[kind]
    require_same_image(data[:-2], data)
    require_same_image(inserted(data, segments(data)[-1], b"abc")[:-2], data)


@pytest.mark.parametrize("kind", FILES)
def test_missing_pixels_are_damage(kind: str) -> None:
    data = FILES[kind]
    for share in (0.3, 0.5, 0.9):
        for recipe in RECIPES:
            with pytest.raises(ImageCorrupt):
                decoded_pixels(data[: int(len(data) * share)], recipe)


@pytest.mark.parametrize("length", [0, 1, 2, 5, 18, 19, 40, 300, 20_000, 65_535])
def test_a_comment_of_the_wrong_length_is_skipped(length: int) -> None:
    data = FILES["baseline"]
    for position in segments(data):
        require_same_image(inserted(data, position, comment(b"text of 17 bytes.", length)), data)


def test_repeated_and_meaningless_segments_are_skipped() -> None:
    data = FILES["baseline"]
    others = [b"\xff" + bytes([number]) + struct.pack(">H", 102) + noise(100) for number in range(0xE1, 0xF0)]
    others.remove(others[0xEE - 0xE1])
    require_same_image(inserted(data, 2, b"".join(others) * 20), data)


def test_the_kept_segments_are_those_that_decoding_needs() -> None:
    data = FILES["optimized"]
    header = jpeg_header(data)
    markers = [MARKER.match(data, part.start) for part in header.needed]
    assert {match[1][0] for match in markers if match} == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
    assert all(one.stop <= other.start for one, other in pairwise(header.needed))


def with_frame(marker: int, precision: int = 8, components: int | None = None) -> bytes:
    data = bytearray(FILES["baseline"])
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, precision
    if components is not None:
        data[at + 9] = components
    return bytes(data)


def with_late_height() -> bytes:
    """Without a height in the frame; a DNL segment after the pixels has it."""
    data = bytearray(FILES["baseline"])
    at = data.index(b"\xff\xc0") + 5
    height, data[at : at + 2] = data[at : at + 2], bytes(2)
    return bytes(data[:-2] + b"\xff\xdc\x00\x04" + height + data[-2:])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        pytest.param(with_frame(0xC1, 12), "12 bits", id="12-bit"),
        pytest.param(with_frame(0xC3, 16), "16 bits", id="16-bit-lossless"),
        pytest.param(with_frame(0xC5), "Hierarchical", id="hierarchical"),
        pytest.param(with_frame(0xCB), "arithmetic", id="lossless-arithmetic"),
        pytest.param(with_frame(0xF7), "JPEG-LS", id="jpeg-ls"),
        pytest.param(with_frame(0xC0, components=2), "2 channels", id="two-channels"),
        pytest.param(with_late_height(), "DNL", id="height-after-the-pixels"),
    ],
)
def test_an_unsupported_kind_is_named(data: bytes, named: str) -> None:
    for recipe in RECIPES:
        with pytest.raises(ImageUnsupported, match=named):
            decoded_pixels(data, recipe)


def test_cmyk_is_decoded_as_pillow_decodes_it() -> None:
    exact = decoded_pixels(FILES["cmyk"], RECIPE)
    assert np.abs(exact.astype(int) - decoded_pixels(encoded(UPRIGHT), RECIPE)).mean() < 3
