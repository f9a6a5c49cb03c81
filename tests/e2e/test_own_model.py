"""A model of one's own: from a state_dict and a file of labels to answers, by one catalog entry and one command."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

import torch

from tests.e2e import stripes
from tests.e2e.conftest import started_product, wait_until_ready
from tests.running import ROOT, end_process

ENTRY = """
models:
  stripes:
    title: Which way the stripes run
    architecture: {{callable: "tests.e2e.stripes:network", arguments: {{channels: 8}}}}
    weights: {{file: stripes.pth, sha256: {digest}}}
    preprocess: {{resize: 64, crop: 64, interpolation: bilinear, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
    labels: stripes.txt
"""


def test_own_weights_and_labels_are_served_after_one_entry_and_one_command(tmp_path: Path) -> None:
    weights = tmp_path / "stripes.pth"
    torch.save(stripes.trained().state_dict(), weights)
    (tmp_path / "stripes.txt").write_text("\n".join(stripes.LABELS) + "\n")
    defaults, _, _ = (ROOT / "services" / "models.yaml").read_text(encoding="utf-8").partition("\nmodels:")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (tmp_path / "models.yaml").write_text(defaults + ENTRY.format(digest=digest))

    running = started_product(
        tmp_path, "--models=stripes", f"--catalog={tmp_path / 'models.yaml'}", f"--artifacts={tmp_path / 'artifacts'}"
    )
    try:
        wait_until_ready(running)
        for image, label in islice(stripes.pictures(seed=2), 12):
            answer = running.predict("stripes", stripes.as_png(image))
            assert answer.status_code == 200, answer.text
            assert answer.headers["X-Model"] == "stripes"
            # Three labels are all there are, and five were not asked for.
            found = answer.json()
            assert found[0]["label"] == stripes.LABELS[label]
            assert {one["label"] for one in found} == set(stripes.LABELS)
    finally:
        end_process(running.process)
