"""Damaged files: what Pillow still decodes has Pillow's pixels, and everything else is refused with a reason."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks.harness.image_files import encoded, gradient, mutations, with_alpha
from services.classifier.decoding.colour import rgb
from services.classifier.decoding.pixels import MAX_SIDE, decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported
from services.preprocess import Preprocess

RGB = gradient(61, 47)
RGBA = with_alpha(RGB, RGB.getchannel("R"))
FILES: dict[str, tuple[Image.Image, dict[str, Any]]] = {
    "JPEG": (RGB, {}),
    "JPEG progressive": (RGB, {"progressive": True}),
    "JPEG CMYK": (RGB.convert("CMYK"), {}),
    "PNG": (RGB, {}),
    "PNG P": (RGB.quantize(99), {"transparency": 3}),
    "GIF": (RGB, {}),
    "BMP": (RGB, {}),
    "BMP P": (RGB.quantize(99), {}),
    "WEBP": (RGB, {}),
    "WEBP lossless": (RGBA, {"lossless": True}),
    "HEIF": (RGB, {"enc_params": {"preset": "ultrafast"}}),
    "AVIF": (RGBA, {"speed": 10}),
    "TIFF": (RGB, {}),
    "TIFF LZW": (RGB, {"compression": "tiff_lzw"}),
}
COUNT = 60
# Decoders round differently; of 255, on average.
CLOSE = 2.0


def pillow_s(data: bytes) -> Pixels | None:
    """The upright image as Pillow decodes it; None if it cannot, or if the image is too large."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if max(image.size) > MAX_SIDE // 4:
                return None
            # pillow-heif has turned a HEIC already.
            return np.asarray(rgb(image if image.format == "HEIF" else ImageOps.exif_transpose(image)))
    except Exception:  # whatever a damaged file makes it raise
        return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FILES)
def test_what_pillow_decodes_is_decoded_to_the_same_pixels(kind: str) -> None:
    image, options = FILES[kind]
    data = encoded(image, kind.split(" ")[0], **options)
    agreed = 0
    for number, changed in enumerate([data, *mutations(data, COUNT, seed=len(data))]):
        expected = pillow_s(changed)
        size = (64, 64) if expected is None else expected.shape[:2]
        preprocess = Preprocess(resize=(size[0], size[1]), crop=(size[0], size[1]), interpolation="bicubic", scale=1.0)
        try:
            found = decoded_pixels(changed, preprocess)
        except (ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported):
            assert expected is None, number
        else:
            if expected is not None:
                assert np.abs(found.astype(int) - expected).mean() < CLOSE, number
                agreed += 1
    assert agreed
