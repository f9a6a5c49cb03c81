"""WebP is decoded to Pillow's pixels, whatever its flags, and in less memory."""

import io
import struct
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from benchmarks.harness.image_files import encoded, gradient, noise, with_alpha
from services.classifier.decoding.pixels import COPIES, MAX_BYTES, decoded_pixels
from services.classifier.decoding.webp import webp_source
from services.classifier.problems import ImageCorrupt, ImageTooComplex
from tests.services.classifier.decoding.comparison import RECIPE, difference

RGB = gradient(121, 90)
RGBA = with_alpha(RGB, RGB.getchannel("R"))
STILL = {
    "lossy": encoded(RGB, "WEBP"),
    "lossless": encoded(RGB, "WEBP", lossless=True),
    "lossy-alpha": encoded(RGBA, "WEBP"),
    "lossless-alpha": encoded(RGBA, "WEBP", lossless=True, exact=True),
    "metadata": encoded(RGB, "WEBP", icc_profile=noise(999), xmp=b"<x/>"),
    "one-pixel": encoded(RGB.crop((0, 0, 1, 1)), "WEBP"),
}
FLAGS = range(0, 64, 4)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def webp(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(part)) + part + bytes(len(part) % 2) for name, part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(flags: int, data: bytes) -> bytes:
    """The image in `data` after a header with these flags."""
    header = bytes([flags, 0, 0, 0]) + struct.pack("<I", RGB.width - 1)[:3] + struct.pack("<I", RGB.height - 1)[:3]
    return webp((b"VP8X", header), *((name, part) for name, part in chunks(data) if name != b"VP8X"))


def require_pillow_s_pixels(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        expected = encoded(image.convert("RGBA"))
    assert difference(decoded_pixels(data, RECIPE), decoded_pixels(expected, RECIPE)) == 0


@pytest.mark.parametrize("kind", STILL)
def test_a_still_image_has_pillow_s_pixels(kind: str) -> None:
    require_pillow_s_pixels(STILL[kind])


@pytest.mark.parametrize("kind", ["lossy", "lossless", "lossy-alpha", "lossless-alpha"])
def test_flags_that_contradict_the_image_count_as_in_pillow(kind: str) -> None:
    for flags in FLAGS:
        require_pillow_s_pixels(extended(flags, STILL[kind]))


@pytest.mark.parametrize("lossless", [False, True])
def test_the_first_frame_of_an_animation_has_pillow_s_pixels(lossless: bool) -> None:
    frames = {"save_all": True, "append_images": [RGBA.rotate(90), RGBA.rotate(45)], "lossless": lossless}
    require_pillow_s_pixels(encoded(RGBA, "WEBP", **frames))


@pytest.mark.parametrize("kind", STILL)
def test_missing_data_is_damage(kind: str) -> None:
    for size in (40, len(STILL[kind]) // 2, len(STILL[kind]) - 9):
        with pytest.raises(ImageCorrupt):
            decoded_pixels(STILL[kind][:size], RECIPE)


def test_a_size_that_contradicts_the_image_is_damage() -> None:
    for position, value in ((24, 200), (24, 1), (27, 10), (28, 3)):
        data = bytearray(extended(0, STILL["lossless"]))
        data[position] ^= value
        with pytest.raises(ImageCorrupt):
            decoded_pixels(bytes(data), RECIPE)


def test_a_million_chunks_cost_little() -> None:
    data = STILL["lossless"] + 10**6 * (b"junk" + bytes(4))
    started = time.process_time()
    require_pillow_s_pixels(data)
    assert time.process_time() - started < 0.5


def test_the_largest_image_fits_in_the_memory_with_the_largest_body() -> None:
    alpha_and_size = struct.pack("<I", 1 << 28 | 4999 << 14 | 4999)
    source = webp_source(webp((b"VP8L", b"\x2f" + alpha_and_size)))
    assert (source.width, source.height, source.bytes_per_pixel) == (5000, 5000, 8)
    assert source.width * source.height * source.bytes_per_pixel + COPIES * 10 * 2**20 < MAX_BYTES


def test_the_largest_animation_is_refused_if_its_file_is_large_too() -> None:
    header = bytes([2, 0, 0, 0]) + struct.pack("<I", 4999)[:3] * 2
    with pytest.raises(ImageTooComplex):
        decoded_pixels(webp((b"VP8X", header), (b"junk", bytes(5 * 2**20))), RECIPE)
