from __future__ import annotations

from typing import Any

import pytest

from services.export.sources.library_preprocessing import Unsupported, timm_preprocess, transformers_preprocess

TIMM = {
    "input_size": (3, 224, 224),
    "crop_pct": 0.9,
    "interpolation": "bicubic",
    "mean": (0.5, 0.4, 0.3),
    "std": (1, 1, 1),
}
VIT = {
    "kind": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 224, "width": 224},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.5, 0.5],
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, {"resize": 248, "crop": 224}, id="center"),
        pytest.param({"crop_mode": "squash"}, {"resize": (248, 248), "crop": 224}, id="squash"),
        pytest.param(
            {"crop_mode": "border"},
            {"resize": (248, 248), "crop": 224, "fit": "contain", "border": (128, 102, 76)},
            id="border",
        ),
        pytest.param(
            {"input_size": (3, 192, 256), "crop_pct": 1.0},
            {"resize": (192, 256), "crop": (192, 256), "fit": "cover"},
            id="not-square",
        ),
        pytest.param(
            {"input_size": (1, 28, 28), "crop_pct": 1.0, "mean": (0.1,), "std": (0.3,)},
            {"resize": 28, "crop": 28, "channels": "gray", "mean": (0.1,), "std": (0.3,)},
            id="gray",
        ),
        pytest.param({"interpolation": "lanczos"}, {"resize": 248, "interpolation": "lanczos"}, id="filter"),
    ],
)
def test_timms_configuration_becomes_the_catalogs(change: dict[str, Any], expected: dict[str, Any]) -> None:
    found = timm_preprocess(TIMM | change).as_dict()
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, {"resize": (224, 224), "crop": 224, "mean": (0.5, 0.4, 0.3)}, id="exact"),
        pytest.param(
            {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
            {"resize": 256, "crop": 224, "half_pixel": "down"},
            id="crop",
        ),
        pytest.param(
            {"kind": "ConvNextImageProcessorFast", "size": {"shortest_edge": 224}, "crop_pct": 0.875},
            {"resize": 256, "crop": 224},
            id="convnext",
        ),
        pytest.param(
            {"kind": "ConvNextImageProcessor", "size": {"shortest_edge": 384}},
            {"resize": (384, 384), "crop": 384},
            id="convnext-large",
        ),
        pytest.param(
            {"size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": {"height": 256, "width": 256}},
            {"resize": 224, "crop": 256, "border": (0,)},
            id="crop-beyond-the-image",
        ),
        pytest.param({"do_flip_channel_order": True}, {"channels": "bgr"}, id="bgr"),
        pytest.param({"do_normalize": None}, {"mean": (0, 0, 0), "std": (1, 1, 1)}, id="scale-only"),
        pytest.param({"include_top": True}, {"std": (0.25, 0.25, 0.25)}, id="efficientnet"),
        pytest.param({"resample": 0}, {"interpolation": "nearest"}, id="nearest"),
    ],
)
def test_a_processor_of_transformers_becomes_the_catalogs(change: dict[str, Any], expected: dict[str, Any]) -> None:
    found = transformers_preprocess(VIT | change).as_dict()
    assert {name: found[name] for name in expected} == {
        name: pytest.approx(value) if name in ("mean", "std") else value for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"size": {"longest_edge": 224}}, "a size of another kind", id="longest-edge"),
        pytest.param({"size": {"shortest_edge": 224}}, "images in different shapes", id="no-crop"),
        pytest.param({"do_pad": True}, "pads images", id="pad"),
        pytest.param({"kind": "PoolFormerImageProcessor", "crop_pct": 0.9}, "crop_pct of PoolFormer", id="crop-pct"),
    ],
)
def test_what_the_service_does_not_do_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Unsupported, match=message):
        transformers_preprocess(VIT | change)
