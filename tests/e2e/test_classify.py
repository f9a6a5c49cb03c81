"""`make classify` against the running product."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, environment
from tests.e2e.conftest import EVERY_GATEWAY, Api

pytestmark = pytest.mark.integration


@EVERY_GATEWAY
def test_folders_named_after_labels_give_an_accuracy(product: Api, photos: list[Photo], tmp_path: Path) -> None:
    photo, model = photos[0], product.models[0]
    best, second = (one["label"] for one in product.predict(model, photo.data).json()[:2])
    for folder in (best, second):
        (tmp_path / "images" / folder).mkdir(parents=True)
        (tmp_path / "images" / folder / "photo.jpg").write_bytes(photo.data)
    (tmp_path / "images" / "broken.jpg").write_bytes(photo.data[:1000])
    out = tmp_path / "results.csv"
    command = [sys.executable, "-m", "frontend.classify", str(tmp_path / "images"), "--model", model, "--out", str(out)]
    variables = environment(GATEWAY_URL=product.gateway, API_KEY=product.key, COLUMNS="120")
    run = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1, run.stderr
    assert "image_corrupt: broken.jpg." in run.stdout
    assert all(share in run.stdout for share in ("50.0%", "100.0%"))
    with out.open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert rows["broken.jpg"]["error"] == "image_corrupt"
    assert {rows[f"{folder}/photo.jpg"]["label"] for folder in (best, second)} == {best}
    assert {row["model"] for row in rows.values()} == {model}
