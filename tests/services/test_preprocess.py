from __future__ import annotations

import json
from typing import Any

import pytest

from services.preprocess import Preprocess, preprocess_from

PLAIN: dict[str, Any] = {"resize": 256, "crop": 224, "interpolation": "bicubic", "mean": (0.5,), "std": (0.25,)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"crop": 257}, "1 ≤ crop ≤ resize", id="crop-outside"),
        pytest.param({"resize": (300, 200)}, "1 ≤ crop ≤ resize", id="crop-wider-than-resize"),
        pytest.param({"crop": 0}, "should be 1 to 4096", id="no-size"),
        pytest.param({"resize": 5000}, "should be 1 to 4096", id="too-large"),
        pytest.param({"resize": "none"}, "border should be given", id="no-resize-and-no-border"),
        pytest.param({"resize": (256, 256), "fit": "contain"}, "border should be given", id="contain-without-border"),
        pytest.param({"fit": "cover"}, "needs a resize like", id="cover-one-side"),
        pytest.param(
            {"antialias": False, "interpolation": "box"}, "antialias: false is for", id="box-without-antialias"
        ),
        pytest.param({"decode": "fast", "antialias": False}, "decode: fast is for", id="fast-without-antialias"),
        pytest.param({"decode": "fast", "interpolation": "nearest"}, "decode: fast is for", id="fast-nearest"),
        pytest.param({"mean": None}, "mean and std should both be given", id="std-alone"),
        pytest.param({"mean": None, "std": None}, "or scale alone", id="no-normalisation"),
        pytest.param({"mean": (0.5, 0.5)}, "mean should have one number or 3", id="two-means"),
        pytest.param(
            {"channels": "gray", "std": (1, 1, 1)}, "std should have one number or 1", id="three-stds-of-gray"
        ),
        pytest.param({"std": (0.0,)}, "std should be positive", id="zero-std"),
        pytest.param({"scale": 0.0}, "scale should be positive", id="zero-scale"),
        pytest.param({"border": (256,)}, "border should be 0 to 255", id="border-too-bright"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocess(**PLAIN | values)


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        pytest.param({}, [127.5] * 3, [63.75] * 3, id="one-number-for-all"),
        pytest.param({"mean": (0, 0.2, 1), "std": (1, 0.2, 2)}, [0, 51, 255], [255, 51, 510], id="per-channel"),
        pytest.param({"channels": "gray"}, [127.5], [63.75], id="gray"),
        pytest.param({"mean": (10, 20, 30), "std": (1,), "scale": 1}, [10, 20, 30], [1] * 3, id="caffe"),
        pytest.param({"mean": (1,), "std": (1,), "scale": 1 / 127.5}, [127.5] * 3, [127.5] * 3, id="keras"),
        pytest.param({"mean": None, "std": None, "scale": 0.25}, [0] * 3, [4] * 3, id="scale-alone"),
    ],
)
def test_the_normalisation_is_known_on_the_scale_of_pixels(
    values: dict[str, Any], mean: list[float], std: list[float]
) -> None:
    preprocess = Preprocess(**PLAIN | values)
    assert preprocess.pixel_mean == pytest.approx(mean)
    assert preprocess.pixel_std == pytest.approx(std)


def test_the_input_has_height_before_width() -> None:
    assert Preprocess(**PLAIN | {"crop": (64, 128)}).input_shape == (1, 3, 64, 128)
    assert Preprocess(**PLAIN | {"channels": "gray"}).input_shape == (1, 1, 224, 224)


def test_fields_that_did_not_always_exist_are_written_only_if_they_matter() -> None:
    assert Preprocess(**PLAIN, decode="fast").as_dict() == PLAIN
    assert Preprocess(**PLAIN).as_dict() == PLAIN | {"decode": "exact"}
    assert preprocess_from(PLAIN).decode == "fast"


def test_what_was_written_is_read_again() -> None:
    preprocess = Preprocess(**PLAIN | {"resize": (260, 300), "fit": "contain", "border": (1, 2, 3), "channels": "bgr"})
    assert preprocess_from(json.loads(json.dumps(preprocess.as_dict()))) == preprocess
