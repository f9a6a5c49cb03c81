"""Models as their users have them are added with one command, and get the scores of their own library's pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.any_classifier import compared, image_files
from tests.services.export.test_main import run_export

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
THOROUGH = pytest.mark.thorough


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("timm", "ghostnet_100", id="timm-that-needs-single-precision", marks=THOROUGH),
        pytest.param(
            "transformers", "efficientnet", id="transformers-with-a-pooling-that-openvino-refuses", marks=THOROUGH
        ),
        pytest.param("transformers", "mobilevit", id="transformers-with-bgr"),
        pytest.param("onnx", "resnet10t", id="onnx", marks=THOROUGH),
        pytest.param("checkpoint", "resnet10t", id="checkpoint-of-a-trainer", marks=THOROUGH),
    ],
)
def test_the_served_scores_are_those_of_the_native_pipeline(tmp_path: Path, kind: str, name: str) -> None:
    """On JPEGs and PNGs, in colour and gray. Figures of more models, on more images: docs/served-as-trained.md."""
    found = compared(kind, name, image_files(None)[:16], tmp_path, run_export)
    assert found.best > 0.4
    for mean, worst in (found.single, found.served):
        assert mean <= 0.01
        assert worst <= 0.05
    assert found.other_label == 0
