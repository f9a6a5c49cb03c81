"""Files of every format and kind sent to the real service: the scores are those of the same pixels as PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from pillow_heif import from_bytes

from benchmarks.harness.image_files import STORED, encoded, sixteen_bit_png
from benchmarks.harness.photos import Photo
from tests.running import Service

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def service(lite0: Service) -> Service:
    return lite0


def predictions(service: Service, data: bytes) -> dict[str, float]:
    """All labels with their scores."""
    document = {"inputs": base64.b64encode(data).decode(), "parameters": {"top_k": 1000}}
    response = requests.post(f"{service.url}/predict", json=document, timeout=30)
    assert response.status_code == 200, response.text
    return {one["label"]: one["score"] for one in response.json()}


def require_same(found: dict[str, float], expected: dict[str, float], within: float) -> None:
    assert max(found, key=lambda label: found[label]) == max(expected, key=lambda label: expected[label])
    assert max(abs(found[label] - expected[label]) for label in expected) <= within


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_photo_in_any_orientation_gets_the_prediction_of_the_upright_one(
    service: Service, photos: list[Photo], kind: str
) -> None:
    all_options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    options = all_options.get(kind, {})
    with Image.open(photos[0].path) as photo:
        # Whole JPEG blocks on every side, so that rotating the image only rotates its blocks.
        upright = photo.convert("RGB").crop((0, 0, photo.width // 16 * 16, photo.height // 16 * 16))
    expected = predictions(service, encoded(upright, kind, **options))
    for orientation in range(10):
        turned = upright.transpose(STORED[orientation]) if orientation in STORED else upright
        data = encoded(turned, kind, exif=exif(orientation), **options)
        require_same(predictions(service, data), expected, within=1e-3 if kind != "JPEG" else 5e-3)


def over_white(image: Image.Image) -> Image.Image:
    """The reference: in floating point, pixel by pixel."""
    layer = np.asarray(image.convert("RGBA"), np.float64)
    alpha = layer[..., 3:] / 255
    return Image.fromarray((layer[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8))


def seen_through(photo: Image.Image) -> Image.Image:
    found = photo.convert("RGBA")
    found.putalpha(Image.linear_gradient("L").resize(photo.size))
    return found


def grey_of(photo: Image.Image) -> Image.Image:
    return photo.convert("L").convert("RGB")


MODES: dict[str, tuple[Callable[[Image.Image], bytes], Callable[[Image.Image], Image.Image]]] = {
    "cmyk": (lambda p: encoded(p.convert("CMYK"), "JPEG", quality=100, subsampling=0), lambda p: p),
    "bilevel": (lambda p: encoded(p.convert("1"), "PNG"), lambda p: p.convert("1").convert("RGB")),
    "grey": (lambda p: encoded(p.convert("L"), "PNG"), grey_of),
    "grey-jpeg": (lambda p: encoded(p.convert("L"), "JPEG", quality=100), grey_of),
    "grey-with-alpha": (
        lambda p: encoded(seen_through(p).convert("LA"), "PNG"),
        lambda p: over_white(seen_through(p).convert("LA")),
    ),
    "palette": (lambda p: encoded(p.quantize(200), "PNG"), lambda p: p.quantize(200).convert("RGB")),
    "palette-with-transparency": (
        lambda p: encoded(p.quantize(200), "PNG", transparency=bytes(range(200))),
        lambda p: over_white(Image.open(io.BytesIO(encoded(p.quantize(200), "PNG", transparency=bytes(range(200)))))),
    ),
    "alpha": (lambda p: encoded(seen_through(p), "PNG"), lambda p: over_white(seen_through(p))),
    "alpha-webp": (
        lambda p: encoded(seen_through(p), "WEBP", lossless=True, exact=True),
        lambda p: over_white(seen_through(p)),
    ),
    "transparent": (
        lambda p: encoded(Image.new("RGBA", p.size, (10, 20, 30, 0)), "PNG"),
        lambda p: Image.new("RGB", p.size, "white"),
    ),
    "sixteen-bit-grey": (
        lambda p: encoded(Image.fromarray(np.asarray(p.convert("L")).astype(np.uint16) * 257), "PNG"),
        grey_of,
    ),
    "sixteen-bit-rgb": (lambda p: sixteen_bit_png(np.asarray(p.convert("RGB")).astype(np.uint16) * 257), lambda p: p),
    "bmp": (lambda p: encoded(p, "BMP"), lambda p: p),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_colour_mode_gets_the_scores_of_its_rgb_reference(
    service: Service, photos: list[Photo], mode: str
) -> None:
    stored, plain = MODES[mode]
    with Image.open(photos[0].path) as opened:
        photo = opened.convert("RGB")
    expected = predictions(service, encoded(plain(photo).convert("RGB"), "PNG"))
    require_same(predictions(service, stored(photo)), expected, within=0.05 if mode in ("cmyk", "grey-jpeg") else 0.01)


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def ten_bit_heic(photo: Image.Image) -> bytes:
    stream = io.BytesIO()
    pixels = np.asarray(photo).astype(np.uint16) * 257
    from_bytes("RGB;16", photo.size, pixels.tobytes()).save(stream, quality=95)
    return stream.getvalue()


PHONES: dict[str, Callable[[Image.Image], bytes]] = {
    "heic": lambda p: encoded(p, "HEIF", quality=95),
    "heic-444": lambda p: encoded(p, "HEIF", quality=95, chroma=444),
    "heic-10-bit": ten_bit_heic,
    "heic-alpha": lambda p: encoded(seen_through(p), "HEIF", quality=95),
    "heic-turned": lambda p: encoded(p.transpose(Image.Transpose.ROTATE_90), "HEIF", quality=95, exif=exif(6)),
    "heic-with-thumbnails": lambda p: encoded(p, "HEIF", quality=95, thumbnails=[64, 128]),
    "heic-grid": lambda p: encoded(p, "HEIF", quality=95, tile_size=256),
    "avif": lambda p: encoded(p, "AVIF", quality=95),
    "avif-alpha": lambda p: encoded(seen_through(p), "AVIF", quality=95),
    "avif-turned": lambda p: encoded(p.transpose(Image.Transpose.ROTATE_90), "AVIF", quality=95, exif=exif(6)),
    "tiff-lzw": lambda p: encoded(p, "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": lambda p: encoded(p, "TIFF", compression="jpeg", quality=98),
    "tiff-pages": lambda p: encoded(p, "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))]),
}


@pytest.mark.parametrize("kind", PHONES)
def test_a_phone_s_file_gets_the_scores_of_its_pixels_as_png(service: Service, photos: list[Photo], kind: str) -> None:
    with Image.open(photos[0].path) as opened:
        photo = opened.convert("RGB")
    plain = over_white(seen_through(photo)) if "alpha" in kind else photo
    require_same(predictions(service, PHONES[kind](photo)), predictions(service, encoded(plain)), within=0.03)


OTHERS = ("WEBP RGB", "GIF P", "MPO RGB", "HEIF L", "AVIF L", "TIFF I;16", "TIFF 1")


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_of_images_are_read_in_the_sandbox(service: Service, photos: list[Photo], kind: str) -> None:
    kind, mode = kind.split()
    with Image.open(photos[0].path) as photo:
        data = encoded(photo.convert("L").convert(mode) if mode == "I;16" else photo.convert(mode), kind)
    assert len(predictions(service, data)) == 1000
