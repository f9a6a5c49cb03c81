"""The decoder's pixels are those of torchvision's transforms, and of timm's and transformers' if they are installed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.image_files import STORED
from benchmarks.harness.native_transforms import KINDS, Kind, Pixels
from benchmarks.harness.photos import Photo
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.placement import placement
from services.classifier.decoding.resize import network_input, network_input_in_bands
from services.preprocess import Preprocess

pytestmark = pytest.mark.integration  # importing torchvision starts a process

# Of 255: on average over an image, and at one pixel. Rows and columns are resized one after the other, in either order,
# and what a filter overshoots is cut off in between.
ROUNDING = 0.3
ROUNDING_OF_ONE = 16
# On average, of a JPEG decoded at a reduced size.
REDUCED = 5.0
# The part of a photo, and the size it is resized to first: wide, narrow, smaller than the input, and large.
SHAPES = [((0, 0, 512, 384), 1.0), ((90, 0, 391, 512), 1.0), ((100, 100, 300, 250), 1.0), ((0, 10, 509, 512), 2.5)]


@pytest.fixture(scope="module")
def images(photos: list[Photo]) -> list[Image.Image]:
    """Parts of real photos in several shapes."""
    return list(shaped(photos[:4]))


@pytest.fixture(scope="module")
def pngs(images: list[Image.Image]) -> list[bytes]:
    return [encoded(image, "PNG") for image in images]


def shaped(photos: list[Photo]) -> Iterator[Image.Image]:
    for photo, (part, factor) in zip(photos, SHAPES, strict=True):
        with Image.open(photo.path) as opened:
            image = opened.convert("RGB").crop(part)
        yield image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def difference(one: Pixels, other: Pixels) -> tuple[float, int]:
    """On average, and at most."""
    assert one.shape == other.shape
    by_pixel = np.abs(one.astype(int) - other)
    return float(by_pixel.mean()), int(by_pixel.max())


def require_equal(one: Pixels, other: Pixels, preprocess: Preprocess) -> None:
    """Up to rounding, which may choose another pixel where the filter has a sharp edge."""
    average, largest = difference(one, other)
    assert average < ROUNDING
    if preprocess.interpolation not in ("nearest", "box"):
        assert largest <= ROUNDING_OF_ONE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_pixels_of_a_lossless_image_are_those_of_the_native_transforms(
    kind: Kind, images: list[Image.Image], pngs: list[bytes]
) -> None:
    for image, data in zip(images, pngs, strict=True):
        require_equal(decoded_pixels(data, kind.preprocess), kind.native(image), kind.preprocess)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_pixels_of_a_jpeg_are_those_of_the_native_transforms_and_close_to_them_if_decoded_fast(
    kind: Kind, images: list[Image.Image]
) -> None:
    for image in images:
        data = encoded(image, "JPEG", quality=90)
        with Image.open(io.BytesIO(data)) as opened:
            expected = kind.native(opened.convert("RGB"))
        require_equal(decoded_pixels(data, kind.preprocess), expected, kind.preprocess)
        if kind.preprocess.antialias and kind.preprocess.interpolation != "nearest":
            fast = decoded_pixels(data, replace(kind.preprocess, decode="fast"))
            assert difference(fast, expected)[0] < REDUCED, image.size


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if "not square" in kind.name or "border" in kind.name],
    ids=lambda kind: kind.name,
)
def test_an_input_that_is_not_square_or_has_a_border_is_upright(
    kind: Kind, orientation: int, images: list[Image.Image]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for image in images[:3]:
        data = encoded(image.transpose(STORED[orientation]), "PNG", exif=exif)
        require_equal(decoded_pixels(data, kind.preprocess), kind.native(image), kind.preprocess)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_resizing_in_bands_gives_the_same_pixels(kind: Kind, images: list[Image.Image]) -> None:
    for image in images:
        place = placement(*image.size, 1, kind.preprocess)
        channels = (
            np.asarray(image.convert("L"))[..., None] if kind.preprocess.channels == "gray" else np.asarray(image)
        )

        def rows(upper: int, lower: int, source: Pixels = channels) -> Pixels:
            return source[upper:lower]

        whole = network_input(channels, place, kind.preprocess)
        require_equal(network_input_in_bands(rows, image.size, place, kind.preprocess, 4000), whole, kind.preprocess)


# The sizes, and how they are resized and cropped: the centre of the result's first pixel is that of a pixel.
ENLARGED = [
    ((500, 212), 297, 260),
    ((212, 500), 297, 260),
    ((156, 127), 297, 260),
    ((380, 109), 256, 224),
    ((394, 226), 256, 224),
    ((387, 145), 274, 240),
    ((366, 190), 232, 224),
]


@pytest.mark.parametrize("channels", ["rgb", "gray"])
@pytest.mark.parametrize(("size", "resize", "crop"), ENLARGED)
def test_an_enlarged_image_has_the_pixels_that_pillow_gives_it(
    size: tuple[int, int], resize: int, crop: int, channels: Literal["rgb", "gray"], images: list[Image.Image]
) -> None:
    preprocess = Preprocess(resize, crop, "bicubic", (0.0,), (1.0,), channels=channels)
    image = images[0].convert("L" if channels == "gray" else "RGB").resize(size)
    place = placement(*size, 1, preprocess)
    x, y = size[0] / place.width, size[1] / place.height
    box = (place.left * x, place.top * y, (place.left + crop) * x, (place.top + crop) * y)
    expected = np.asarray(image.resize((crop, crop), Image.Resampling.BICUBIC, box)).reshape(crop, crop, -1)
    pixels = np.asarray(image).reshape(*image.size[::-1], -1)
    assert np.array_equal(network_input(pixels, place, preprocess), expected)


TIMM: list[dict[str, Any]] = [
    {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "bicubic"},
    {"input_size": (3, 240, 240), "crop_pct": 0.9, "interpolation": "bilinear"},
    {"input_size": (3, 384, 384), "crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bicubic"},
    {"input_size": (3, 256, 256), "crop_pct": 0.95, "crop_mode": "squash", "interpolation": "bilinear"},
    {"input_size": (3, 224, 224), "crop_pct": 1.0, "crop_mode": "border", "interpolation": "bicubic"},
    {"input_size": (3, 224, 224), "crop_pct": 0.9, "crop_mode": "border", "interpolation": "bilinear"},
    {"input_size": (3, 128, 256), "crop_pct": 0.875, "interpolation": "bicubic"},
    {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "nearest"},
    {"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "lanczos"},
]


def of_timm(config: dict[str, Any]) -> Preprocess:
    """The preprocessing of a timm configuration."""
    height, width = (int(side / config["crop_pct"]) for side in config["input_size"][1:])
    crop_mode = config.get("crop_mode", "center")
    return Preprocess(
        resize=height if crop_mode == "center" and height == width else (height, width),
        crop=config["input_size"][1:],
        interpolation=config["interpolation"],
        mean=(0.5,),
        std=(0.5,),
        fit={"center": "exact" if height == width else "cover", "squash": "exact", "border": "contain"}[crop_mode],
        border=(128,) if crop_mode == "border" else None,
    )


@pytest.mark.parametrize("config", TIMM, ids=lambda config: "-".join(str(value) for value in config.values()))
def test_the_pixels_are_those_of_timms_transforms(
    config: dict[str, Any], images: list[Image.Image], pngs: list[bytes]
) -> None:
    transforms: Any = pytest.importorskip("timm.data")
    native = transforms.create_transform(**config, mean=(0.5,) * 3, std=(0.5,) * 3, normalize=False)
    for image, data in zip(images, pngs, strict=True):
        expected = np.asarray(native(image)).transpose(1, 2, 0)
        require_equal(decoded_pixels(data, of_timm(config)), expected, of_timm(config))


BICUBIC, BILINEAR = 3, 2
TRANSFORMERS: list[tuple[str, dict[str, Any], Preprocess]] = [
    (
        "ViTImageProcessor",
        {"size": {"height": 224, "width": 224}, "resample": BILINEAR},
        Preprocess((224, 224), 224, "bilinear", scale=1 / 255),
    ),
    (
        "CLIPImageProcessor",
        {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "resample": BICUBIC},
        Preprocess(224, 224, "bicubic", scale=1 / 255, half_pixel="down"),
    ),
    (
        "ConvNextImageProcessor",
        {"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": BILINEAR},
        Preprocess(256, 224, "bilinear", scale=1 / 255, half_pixel="down"),
    ),
]


@pytest.mark.parametrize(("name", "config", "preprocess"), TRANSFORMERS, ids=lambda value: str(value)[:30])
def test_the_pixels_are_those_of_transformers_processors(
    name: str, config: dict[str, Any], preprocess: Preprocess, images: list[Image.Image], pngs: list[bytes]
) -> None:
    transformers: Any = pytest.importorskip("transformers")
    processor: Callable[..., Any] = getattr(transformers, name)(**config, do_rescale=False, do_normalize=False)
    for image, data in zip(images, pngs, strict=True):
        expected = np.asarray(processor(image)["pixel_values"][0]).transpose(1, 2, 0)
        require_equal(decoded_pixels(data, preprocess), expected, preprocess)
