"""Every kind of image is decoded upright, to RGB, and as torchvision's transforms would resize it."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.image_files import encoded, gradient
from benchmarks.harness.photos import Photo
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels
from services.preprocess import Preprocess
from tests.services.classifier.decoding.comparison import CLOSE, RECIPE, difference


@pytest.mark.integration  # importing torchvision starts a process
def test_the_result_is_torchvisions_resize_and_centre_crop(photos: list[Photo]) -> None:
    from torchvision.transforms import v2

    recipe = v2.Compose([v2.Resize(256, v2.InterpolationMode.BICUBIC), v2.CenterCrop(224)])
    for photo in photos[:6]:
        expected = np.asarray(recipe(Image.open(photo.path).convert("RGB")))
        assert difference(decoded_pixels(photo.data, RECIPE), expected) < CLOSE


def sixteen_bit_grey(value: int) -> bytes:
    return encoded(Image.fromarray(np.full((300, 300), value, np.uint16)))


def sixteen_bit_rgb(red: int, green: int, blue: int) -> bytes:
    """A PNG with 16 bits per channel, which Pillow reads but does not write."""
    row = b"\x00" + struct.pack(">3H", red, green, blue) * 300
    chunks = [
        (b"IHDR", struct.pack(">2I5B", 300, 300, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 300)),
        (b"IEND", b""),
    ]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def palette_with_transparency() -> bytes:
    image = Image.new("P", (300, 300), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    return encoded(image, transparency=1)


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        pytest.param(encoded(Image.new("L", (300, 300), 90)), (90, 90, 90), id="grey"),
        pytest.param(encoded(Image.new("1", (300, 300), 1)), (255, 255, 255), id="bilevel"),
        pytest.param(encoded(Image.new("LA", (300, 300), (90, 255))), (90, 90, 90), id="grey-with-alpha"),
        pytest.param(
            encoded(Image.new("RGBA", (300, 300), (10, 20, 30, 0))), (255, 255, 255), id="transparent-on-white"
        ),
        pytest.param(encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 128))), (127, 127, 127), id="half-transparent"),
        pytest.param(encoded(Image.new("P", (300, 300), 7).convert("P")), None, id="palette"),
        pytest.param(palette_with_transparency(), (255, 255, 255), id="palette-with-transparency"),
        pytest.param(sixteen_bit_grey(40000), (156, 156, 156), id="sixteen-bit-grey"),
        pytest.param(sixteen_bit_rgb(40000, 256, 65535), (156, 1, 255), id="sixteen-bit-rgb"),
        pytest.param(encoded(Image.new("CMYK", (300, 300), (0, 255, 255, 0)), "JPEG"), (254, 0, 0), id="cmyk"),
        pytest.param(encoded(Image.new("RGB", (300, 300), (1, 2, 3)), "GIF"), (1, 2, 3), id="gif"),
        pytest.param(encoded(Image.new("RGB", (300, 300), (1, 2, 3)), "BMP"), (1, 2, 3), id="bmp"),
        pytest.param(encoded(Image.new("RGB", (300, 300), (1, 2, 3)), "WEBP", lossless=True), (1, 2, 3), id="webp"),
    ],
)
def test_every_colour_mode_comes_out_as_rgb(data: bytes, colour: tuple[int, int, int] | None) -> None:
    pixels = decoded_pixels(data, RECIPE)
    assert pixels.shape == (224, 224, 3)
    assert pixels.dtype == np.uint8
    if colour is not None:
        assert np.abs(pixels[100, 100].astype(int) - colour).max() <= 2


PHOTO = encoded(gradient(600, 500), "JPEG", quality=90)
DRAWING = encoded(gradient(600, 500))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PHOTO[: len(PHOTO) // 2], id="half-a-jpeg"),
        pytest.param(PHOTO[:30], id="jpeg-head-only"),
        pytest.param(DRAWING[: len(DRAWING) // 2], id="half-a-png"),
        pytest.param(DRAWING[:20], id="png-head-only"),
        pytest.param(DRAWING[:-30] + b"xxxx" + DRAWING[-26:], id="png-with-a-bad-checksum"),
        pytest.param(b"BM" + bytes(60), id="bmp-of-zeros"),
        pytest.param(b"GIF89a" + bytes(20), id="gif-of-zeros"),
        pytest.param(b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20), id="webp-of-zeros"),
    ],
)
def test_a_damaged_image_is_corrupt(data: bytes) -> None:
    with pytest.raises(ImageCorrupt):
        decoded_pixels(data, RECIPE)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(5000, 5001, id="one-row-too-many"),
        pytest.param(10_001, 1, id="one-column-too-many"),
        pytest.param(65_535, 65_535, id="bomb"),
        pytest.param(2**31 - 1, 2**31 - 1, id="largest-header"),
    ],
)
def test_too_many_pixels_are_refused_from_the_header_alone(width: int, height: int) -> None:
    with pytest.raises(ImageTooManyPixels, match="10,000 per side and 25,000,000 in all"):
        decoded_pixels(png_header(width, height) + b"\x00\x00\x00\x00IDAT", RECIPE)


@pytest.mark.parametrize("size", [(5000, 5000), (10_000, 1), (1, 10_000), (1, 1), (2, 2), (3, 1)])
def test_the_largest_and_the_smallest_images_are_decoded(size: tuple[int, int]) -> None:
    assert decoded_pixels(encoded(Image.new("L", size, 77)), RECIPE)[0, 0].tolist() == [77, 77, 77]


def test_a_jpeg_with_more_scans_than_any_photo_is_refused_before_it_is_decoded() -> None:
    data = encoded(gradient(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert decoded_pixels(data, RECIPE).shape == (224, 224, 3)
    with pytest.raises(ImageTooComplex):
        decoded_pixels(data[:-2] + scan * 100 + data[-2:], RECIPE)


def test_only_the_first_frame_of_an_animation_is_used() -> None:
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert decoded_pixels(data, RECIPE)[9, 9].tolist() == [255, 0, 0], kind


def test_bytes_after_the_image_are_ignored(photos: list[Photo]) -> None:
    plain = decoded_pixels(photos[0].data, RECIPE)
    assert difference(decoded_pixels(photos[0].data + b"PK\x03\x04<?php" + bytes(1 << 20), RECIPE), plain) == 0


@pytest.mark.parametrize(
    "preprocess",
    [
        pytest.param(replace(RECIPE, resize=(224, 224)), id="squash"),
        pytest.param(replace(RECIPE, resize=224), id="shorter-side"),
        pytest.param(replace(RECIPE, resize=224, decode="fast"), id="fast"),
        pytest.param(replace(RECIPE, resize=(219, 292), fit="cover", crop=(219, 292)), id="cover"),
        pytest.param(replace(RECIPE, resize=(224, 224), fit="contain", border=(0,)), id="contain"),
        pytest.param(replace(RECIPE, resize=(200, 192), crop=(200, 192), interpolation="hamming"), id="by-pillow"),
        pytest.param(replace(RECIPE, resize=(224, 224), antialias=False), id="without-antialias"),
    ],
)
@pytest.mark.parametrize("count", [40, pytest.param(150, marks=pytest.mark.thorough)])
def test_an_image_of_any_size_is_resized(preprocess: Preprocess, count: int) -> None:
    sizes = np.random.default_rng(0).integers(1, 700, (count, 2)).tolist()
    for width, height in [*sizes, (333, 500), (1, 700), (700, 1)]:
        data = encoded(Image.new("RGB", (width, height), (9, 9, 9)), "JPEG")
        pixels = decoded_pixels(data, preprocess)
        assert pixels.shape == (preprocess.height, preprocess.width, 3)
        middle = pixels[(preprocess.height - 1) // 2, (preprocess.width - 1) // 2].astype(int)
        assert np.abs(middle - 9).max() <= 1, (width, height)
