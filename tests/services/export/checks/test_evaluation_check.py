"""Evaluate a model on labelled image files through the path that serves it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from services.artifact import Receipt
from services.classifier.predictions import softmax
from services.export.checks.evaluation import calibration_error
from services.export.checks.served_scores import ServedScores
from services.export.errors import Disagreement, ExportError
from services.export.record import record
from tests.services.export.digits import ENTRY, LABELS, catalog_file, exported, image_files, predictor

pytestmark = pytest.mark.integration  # importing torchvision starts a process

IMAGES = 200
FLIPPED = ENTRY["labels"].replace("three", "X").replace("eight", "three").replace("X", "eight")
PREDICT = predictor()


def export(folder: Path, options: str = "", **fields: str) -> Receipt:
    evaluation = {"evaluation": f"{{images: images{options}}}"}
    return exported(catalog_file(folder, fields=evaluation | fields))


def test_the_evaluation_is_that_of_the_models_own_pipeline(tmp_path: Path) -> None:
    files = image_files(tmp_path / "images", IMAGES)
    scores = np.stack([PREDICT(str(file)) for file, _ in files])
    right = np.array([LABELS[best] == label for best, (_, label) in zip(scores.argmax(axis=1), files, strict=True)])

    found = export(tmp_path, ", least_top1: 0.9").evaluation

    assert found["images"] == IMAGES
    assert found["top1"] == pytest.approx(right.mean(), abs=0.01)
    assert found["calibration_error"] == pytest.approx(calibration_error(scores.max(axis=1), right), abs=0.02)
    sure = scores.max(axis=1) >= found["sure_from"]
    assert right[sure].mean() == pytest.approx(0.95, abs=0.02)
    assert {row["label"] for row in found["labels"]} == set(LABELS)
    assert "calibrated" not in found


def test_known_flips_show(tmp_path: Path) -> None:
    files = image_files(tmp_path / "images", IMAGES)
    found = export(tmp_path, labels=FLIPPED).evaluation
    (worst, second, *others), pairs = found["labels"], found["confusions"]
    assert {worst["label"], second["label"]} == {"three", "eight"}
    assert worst["recall"] < 0.1
    assert min(row["recall"] for row in others) > 0.8
    assert [{pairs[rank]["label"], pairs[rank]["predicted"]} for rank in (0, 1)] == [{"three", "eight"}] * 2
    flipped = sum(label in ("three", "eight") for _, label in files)
    assert sum(pair["images"] for pair in pairs[:2]) > 0.85 * flipped


def test_an_accuracy_below_the_bound_is_refused(tmp_path: Path) -> None:
    image_files(tmp_path / "images", IMAGES)
    with pytest.raises(Disagreement, match=r"accuracy is 7\d\.\d% on 200 images of images; `least_top1` is 90\.0%"):
        export(tmp_path, ", least_top1: 0.9", labels=FLIPPED)
    assert not (tmp_path / "artifacts" / "digits").exists()


def test_calibration_changes_the_served_scores_and_no_label(tmp_path: Path) -> None:
    files = [file for file, _ in image_files(tmp_path / "images", IMAGES)]
    plain = export(tmp_path)
    outputs = ServedScores(tmp_path / "artifacts" / "digits", plain)(files[:20], "none")
    calibrated = export(tmp_path, ", calibrate: true")
    served = ServedScores(tmp_path / "artifacts" / "digits", calibrated)(files[:20])

    temperature = calibrated.evaluation["temperature"]
    assert temperature == plain.evaluation["temperature"] < 0.9
    expected = [softmax(one / temperature) for one in outputs]
    np.testing.assert_allclose(served, expected, atol=0.02)
    assert calibrated.version != plain.version
    assert calibrated.evaluation["calibration_error"] < plain.evaluation["calibration_error"]
    assert calibrated.evaluation["calibration_error_before"] == plain.evaluation["calibration_error"]
    assert calibrated.evaluation["top1"] == plain.evaluation["top1"]


def test_a_calibrated_model_is_compared_with_its_reference_before_the_calibration(tmp_path: Path) -> None:
    files = [file for file, _ in image_files(tmp_path / "images", IMAGES)]
    record(PREDICT, files[:20], tmp_path / "reference.jsonl", LABELS)
    receipt = export(tmp_path, ", calibrate: true", reference="reference.jsonl")
    assert receipt.reference["served"]["worst"] <= 0.05
    assert receipt.evaluation["calibrated"]


def test_images_may_be_listed_in_a_csv_file(tmp_path: Path) -> None:
    files = image_files(tmp_path / "images", 30)
    with (tmp_path / "images.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label"])
        rows.writerows((path.relative_to(tmp_path), label) for path, label in files)
    receipt = exported(catalog_file(tmp_path, fields={"evaluation": "{images: images.csv}"}))
    assert receipt.evaluation["images"] == 30


@pytest.mark.parametrize(
    ("options", "fields", "message"),
    [
        pytest.param(
            "", {"labels": "[a, b, c, d, e, f, g, h, i, j]"}, "are not labels of the model, such as", id="other-labels"
        ),
        pytest.param(", calibrate: true", {"scores": "sigmoid"}, "is for `scores: softmax`", id="sigmoid"),
        pytest.param(", calibrate: true", {}, "`calibrate` needs at least 20 images", id="few-images"),
    ],
)
def test_what_does_not_suit_is_refused(tmp_path: Path, options: str, fields: dict[str, str], message: str) -> None:
    image_files(tmp_path / "images", 10)
    with pytest.raises(ExportError, match=message):
        export(tmp_path, options, **fields)
