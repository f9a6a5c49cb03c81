from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import services.export.record
from services.catalog.reference import read_reference
from services.export.record import record

pytestmark = pytest.mark.integration  # importing torch takes seconds

LABELS = ["ant", "bee"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "one.png"
    path.parent.mkdir()
    path.write_bytes(b"an image")
    return path


@pytest.mark.parametrize(
    ("result", "labels"),
    [
        pytest.param([0.75, 0.25], LABELS, id="list"),
        pytest.param(np.array([0.75, 0.25], np.float32), LABELS, id="array"),
        pytest.param(torch.tensor([[0.75, 0.25]]), LABELS, id="batch-of-one"),
        pytest.param({"ant": 0.75, "bee": 0.25}, None, id="dictionary"),
        pytest.param([{"label": "ant", "score": 0.75}, {"label": "bee", "score": 0.25}], None, id="transformers"),
    ],
)
def test_scores_are_recorded_by_label(tmp_path: Path, image: Path, result: Any, labels: list[str] | None) -> None:
    paths: list[str] = []

    def predict(path: str) -> Any:
        paths.append(path)
        return result

    record(predict, [image], tmp_path / "reference.jsonl", labels)
    reference = read_reference(tmp_path / "reference.jsonl")
    assert paths == [str(image)]
    assert reference.labels == tuple(LABELS)
    assert [(one.path, one.scores) for one in reference.images] == [(image, (0.75, 0.25))]


@pytest.mark.parametrize(
    ("results", "labels", "message"),
    [
        pytest.param([[0.5, 0.5]], None, "without labels", id="no-labels"),
        pytest.param([[0.5]], LABELS, "1 scores, but there are 2 labels", id="too-few"),
        pytest.param([[0.5, float("nan")]], LABELS, "not a finite number", id="not-finite"),
        pytest.param([{"ant": 1.0, "bee": 0.0}, {"ant": 1.0}], None, "other labels", id="best-labels-only"),
        pytest.param([], LABELS, "no images", id="no-images"),
    ],
)
def test_what_is_not_one_score_per_label_is_refused(
    tmp_path: Path, image: Path, results: list[Any], labels: list[str] | None, message: str
) -> None:
    remaining = iter(results)
    with pytest.raises(ValueError, match=message):
        record(lambda _: next(remaining), [image] * len(results), tmp_path / "reference.jsonl", labels)
    assert not (tmp_path / "reference.jsonl").exists()


def test_repeated_labels_are_numbered_as_they_are_served(tmp_path: Path, image: Path) -> None:
    record(lambda _: [0.1, 0.2, 0.7], [image], tmp_path / "reference.jsonl", ["crane", "cat", "crane"])
    head = json.loads((tmp_path / "reference.jsonl").read_text().splitlines()[0])
    assert head["labels"] == ["crane", "cat", "crane (2)"]


def test_the_file_works_alone(tmp_path: Path, image: Path) -> None:
    (tmp_path / "record.py").write_text(Path(services.export.record.__file__).read_text())
    code = f"import record; record.record(lambda path: [1.0, 0.0], [{str(image)!r}], 'reference.jsonl', {LABELS})"
    # Isolated and without site-packages: nothing but the standard library.
    run = [sys.executable, "-S", "-c", code]
    subprocess.run(run, cwd=tmp_path, check=True, timeout=60, env={"PYTHONPATH": str(tmp_path)})
    assert read_reference(tmp_path / "reference.jsonl").labels == tuple(LABELS)
