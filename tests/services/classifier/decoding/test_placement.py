from __future__ import annotations

from typing import Any

import pytest

from services.classifier.decoding.placement import Placement, placement
from services.preprocess import Preprocess


def preprocess(**values: Any) -> Preprocess:
    return Preprocess(**{"interpolation": "bicubic", "mean": (0.5,), "std": (0.5,)} | values)


@pytest.mark.parametrize(
    ("recipe", "size", "expected"),
    [
        pytest.param(
            preprocess(resize=256, crop=224), (500, 375), Placement(341, 256, 58, 16, 224, 224), id="shorter-side"
        ),
        pytest.param(
            preprocess(resize=256, crop=(192, 224)), (375, 500), Placement(256, 341, 16, 74, 224, 192), id="not-square"
        ),
        pytest.param(
            preprocess(resize=(224, 224), crop=224), (500, 375), Placement(224, 224, 0, 0, 224, 224), id="exact"
        ),
        pytest.param(
            preprocess(resize=(200, 300), fit="cover", crop=(180, 280)),
            (500, 375),
            Placement(300, 225, 10, 22, 280, 180),
            id="cover",
        ),
        pytest.param(
            preprocess(resize=(224, 224), fit="contain", crop=224, border=(0,)),
            (500, 375),
            Placement(224, 168, 0, -28, 224, 224),
            id="contain",
        ),
        pytest.param(
            preprocess(resize="none", crop=225, border=(0,)),
            (100, 400),
            Placement(100, 400, -62, 88, 225, 225),
            id="none",
        ),
        pytest.param(
            preprocess(resize=(99, 99), fit="contain", crop=9, border=(0,)),
            (9999, 1),
            Placement(99, 1, 45, -4, 9, 9),
            id="at-least-one-pixel",
        ),
    ],
)
def test_sizes_and_offsets_are_those_of_the_reference(
    recipe: Preprocess, size: tuple[int, int], expected: Placement
) -> None:
    assert placement(*size, 1, recipe) == expected


def test_half_a_pixel_of_the_offset_is_rounded_as_the_entry_says() -> None:
    assert placement(259, 259, 1, preprocess(resize=259, crop=224)).left == 18
    assert placement(259, 259, 1, preprocess(resize=259, crop=224, half_pixel="down")).left == 17


def test_in_a_turned_image_the_placement_is_turned_back() -> None:
    # The offset of 17.5 rows is rounded to 18; from below, 17 remain.
    recipe = preprocess(resize=259, crop=(224, 100))
    assert placement(300, 259, 1, recipe) == Placement(300, 259, 100, 18, 100, 224)
    assert placement(300, 259, 3, recipe) == Placement(300, 259, 100, 17, 100, 224)
    assert placement(259, 300, 6, recipe) == Placement(259, 300, 18, 100, 224, 100)
    assert placement(259, 300, 8, recipe) == Placement(259, 300, 17, 100, 224, 100)
