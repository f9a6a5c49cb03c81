"""Compare what is decoded from two files."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.preprocess import Preprocess

RECIPE = Preprocess(resize=256, crop=224, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
# Both ways of decoding a JPEG.
RECIPES = [RECIPE, replace(RECIPE, decode="fast")]
# Maximum average difference of pixels, of 255: JPEG and decoding at a reduced size round.
CLOSE = 3.0


def difference(one: Pixels, other: Pixels) -> float:
    """The average difference of pixels."""
    assert one.shape == other.shape == (224, 224, 3)
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@lru_cache(maxsize=32)
def _expected_pixels(data: bytes, recipe: Preprocess) -> Pixels:
    return decoded_pixels(data, recipe)


def require_same_image(data: bytes, expected: bytes) -> None:
    """Both are decoded to the same pixels, whether exact or fast."""
    for recipe in RECIPES:
        found = difference(decoded_pixels(data, recipe), _expected_pixels(expected, recipe))
        assert found < CLOSE, (recipe.decode, found)
