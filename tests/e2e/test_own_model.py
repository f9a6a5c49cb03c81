"""A user's own model: a state_dict, a file of labels and one catalog entry are enough to serve it."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import pytest
import torch

from benchmarks.harness.process import ROOT, end_process
from tests.e2e import stripes
from tests.e2e.conftest import started_product, wait_until_ready

# test_own_models serves models from catalogs of the same kind; this one is trained first.
pytestmark = [pytest.mark.integration, pytest.mark.thorough]

ENTRY = """
models:
  stripes:
    title: Direction of stripes
    architecture: {{callable: "tests.e2e.stripes:network", arguments: {{channels: 8}}}}
    weights: {{file: stripes.pth, sha256: {digest}}}
    preprocess: {{resize: 64, crop: 64, interpolation: bilinear, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
    labels: stripes.txt
"""


def test_a_model_with_own_weights_and_labels_is_exported_and_served(tmp_path: Path) -> None:
    weights = tmp_path / "stripes.pth"
    torch.save(stripes.trained().state_dict(), weights)
    (tmp_path / "stripes.txt").write_text("\n".join(stripes.LABELS) + "\n")
    defaults, _, _ = (ROOT / "services" / "models.yaml").read_text(encoding="utf-8").partition("\nmodels:")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (tmp_path / "models.yaml").write_text(defaults + ENTRY.format(digest=digest))

    product = started_product(
        tmp_path, "--models=stripes", f"--catalog={tmp_path / 'models.yaml'}", f"--artifacts={tmp_path / 'artifacts'}"
    )
    try:
        wait_until_ready(product)
        for image, label in islice(stripes.images(seed=2), 12):
            response = product.predict("stripes", stripes.encoded_png(image))
            assert response.status_code == 200, response.text
            assert response.headers["X-Model"] == "stripes"
            predictions = response.json()
            assert predictions[0]["label"] == stripes.LABELS[label]
            assert {prediction["label"] for prediction in predictions} == set(stripes.LABELS)
    finally:
        end_process(product.process)
