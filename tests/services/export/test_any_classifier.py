"""Models as their users have them are added with one command, and get the scores of their own library's pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.any_classifier import compared, image_files
from tests.services.export.test_main import run_export

# Each takes half a minute; test_hub.py, test_exporter.py and test_library_model.py have quick tests of the kind.
pytestmark = [pytest.mark.integration, pytest.mark.thorough, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("timm", "ghostnet_100", id="timm-that-needs-single-precision"),
        pytest.param("transformers", "efficientnet", id="transformers-with-a-pooling-that-openvino-refuses"),
        pytest.param("transformers", "mobilevit", id="transformers-with-bgr"),
        pytest.param("onnx", "resnet10t", id="onnx"),
        pytest.param("checkpoint", "resnet10t", id="checkpoint-of-a-trainer"),
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
