"""HEIC and AVIF of different makes, and hostile ones."""

import io
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pillow_heif import from_bytes

from benchmarks.harness.image_files import encoded, gradient, media_box
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported
from services.problems import Problem
from tests.services.classifier.decoding.comparison import RECIPE, difference

RGB = gradient(320, 240)
RGBA = RGB.convert("RGBA")
RGBA.putalpha(Image.linear_gradient("L").resize(RGB.size))
WIDE: NDArray[np.uint16] = np.asarray(RGB).astype(np.uint16) * 257
# Encoding takes long, so it is not done while tests are collected.
Data = Callable[[], bytes]


@cache
def heic() -> bytes:
    return encoded(RGB, "HEIF", quality=90)


@cache
def avif() -> bytes:
    return encoded(RGB, "AVIF", quality=90)


def ten_bits(**options: Any) -> bytes:
    stream = io.BytesIO()
    from_bytes("RGB;16", RGB.size, WIDE.tobytes()).save(stream, quality=90, **options)
    return stream.getvalue()


def of_mode(mode: str, pixels: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    from_bytes(mode, RGB.size, pixels.tobytes()).save(stream, quality=90)
    return stream.getvalue()


def premultiplied() -> bytes:
    """The colours are stored multiplied by alpha."""
    return of_mode("RGBa", np.asarray(RGBA.convert("RGBa")))


def second_is_primary() -> bytes:
    red = Image.new("RGB", RGB.size, "red")
    return encoded(red, "HEIF", quality=90, save_all=True, append_images=[RGB], primary_index=1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(heic, RGB, id="heic"),
        pytest.param(partial(encoded, RGB, "HEIF", quality=90, chroma=444), RGB, id="heic-444"),
        pytest.param(partial(encoded, RGB.convert("L"), "HEIF", quality=90), RGB.convert("L"), id="heic-gray"),
        pytest.param(
            partial(of_mode, "L;16", np.ascontiguousarray(WIDE[..., 0])), RGB.getchannel("R"), id="heic-gray-10-bit"
        ),
        pytest.param(partial(encoded, RGBA, "HEIF", quality=90), RGBA, id="heic-alpha"),
        pytest.param(premultiplied, RGBA, id="heic-premultiplied-alpha"),
        pytest.param(ten_bits, RGB, id="heic-10-bit"),
        pytest.param(partial(ten_bits, chroma=444), RGB, id="heic-10-bit-444"),
        pytest.param(partial(encoded, RGB, "HEIF", quality=90, thumbnails=[64, 128]), RGB, id="heic-thumbnails"),
        pytest.param(partial(encoded, RGB, "HEIF", quality=90, tile_size=256), RGB, id="heic-grid"),
        pytest.param(second_is_primary, RGB, id="heic-second-of-two"),
        pytest.param(
            partial(encoded, RGB.crop((0, 0, 319, 239)), "HEIF", quality=90), RGB.crop((0, 0, 319, 239)), id="odd-size"
        ),
        pytest.param(avif, RGB, id="avif"),
        pytest.param(partial(encoded, RGB, "AVIF", quality=90, subsampling="4:4:4"), RGB, id="avif-444"),
        pytest.param(partial(encoded, RGB.convert("L"), "AVIF", quality=90), RGB.convert("L"), id="avif-gray"),
        pytest.param(partial(encoded, RGBA, "AVIF", quality=90), RGBA, id="avif-alpha"),
        pytest.param(partial(encoded, RGB, "AVIF", quality=90, tile_rows=1, tile_cols=1), RGB, id="avif-tiles"),
        pytest.param(
            partial(encoded, RGB, "AVIF", quality=90, save_all=True, append_images=[RGBA.convert("RGB")] * 2),
            RGB,
            id="avif-sequence",
        ),
    ],
)
def test_the_primary_image_is_decoded(data: Data, expected: Image.Image) -> None:
    assert difference(decoded_pixels(data(), RECIPE), decoded_pixels(encoded(expected), RECIPE)) < 2


def changed(data: bytes, at: bytes, offset: int, value: bytes) -> bytes:
    position = data.index(at) + offset
    return data[:position] + value + data[position + len(value) :]


HUGE = struct.pack(">2I", 60_000, 60_000)
LARGE = struct.pack(">2I", 4900, 4900)
JUST_TOO_LARGE = struct.pack(">2I", 5000, 5001)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(lambda: heic()[: len(heic()) // 2], ImageCorrupt, id="half-a-heic"),
        pytest.param(lambda: avif()[: len(avif()) // 2], ImageCorrupt, id="half-an-avif"),
        pytest.param(lambda: heic()[:40], ImageCorrupt, id="heic-start"),
        pytest.param(lambda: avif()[:40], ImageCorrupt, id="avif-start"),
        pytest.param(lambda: changed(heic(), b"ispe", 8, HUGE), ImageTooManyPixels, id="huge-heic"),
        pytest.param(lambda: changed(avif(), b"ispe", 8, HUGE), ImageTooManyPixels, id="huge-avif"),
        pytest.param(
            lambda: changed(heic(), b"ispe", 8, JUST_TOO_LARGE), ImageTooManyPixels, id="heic-of-one-row-too-many"
        ),
        pytest.param(
            lambda: changed(avif(), b"ispe", 8, JUST_TOO_LARGE), ImageTooManyPixels, id="avif-of-one-row-too-many"
        ),
        pytest.param(lambda: changed(ten_bits(chroma=444), b"ispe", 8, LARGE), ImageTooComplex, id="too-much-memory"),
        pytest.param(
            lambda: heic()[:28] + media_box(b"free") * 200_000 + heic()[28:], ImageCorrupt, id="thousands-of-boxes"
        ),
        pytest.param(lambda: changed(heic(), b"hvc1", 0, b"j2k1"), ImageUnsupported, id="jpeg-2000-in-heif"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused(data: Data, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        decoded_pixels(data(), RECIPE)
