"""Artifacts: written whole or not at all, and verified before they are used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.artifact import (
    FILES,
    ArtifactError,
    Receipt,
    read_labels,
    read_receipt,
    stored_file,
    verified_receipt,
    write_receipt,
)
from services.preprocess import Preprocess

NAME = "efficientnet-lite0"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A complete artifact, with a few bytes in place of the network."""
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "model.xml").write_text("<net/>")
    (folder / "model.bin").write_bytes(bytes(100))
    (folder / "labels.txt").write_text("tench\ntabby\n")
    preprocess = Preprocess(256, 224, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    files = {name: stored_file(folder / name) for name in FILES}
    write_receipt(folder, Receipt(NAME, "Lite0", "net", {}, "0", preprocess, "fp16", 2, {"top1": 1.0}, {}, files))
    return folder


def test_a_whole_artifact_is_verified_and_its_receipt_read_back(artifact: Path) -> None:
    receipt = verified_receipt(artifact, NAME)
    assert read_labels(artifact, receipt) == ("tench", "tabby")
    assert (receipt.preprocess.crop, receipt.preprocess.mean) == (224, (0.5, 0.5, 0.5))
    assert receipt.agreement == {"top1": 1.0}


@pytest.mark.integration
def test_an_exported_artifact_is_verified_and_has_its_labels_in_order(artifacts: Path) -> None:
    receipt = verified_receipt(artifacts / NAME, NAME)
    labels = read_labels(artifacts / NAME, receipt)
    assert (len(labels), labels[0], labels[281], labels[999]) == (1000, "tench", "tabby", "toilet tissue")
    assert receipt.preprocess.crop == 224
    assert receipt.agreement["top1"] >= 0.98


def test_a_receipt_without_scores_means_softmax(artifact: Path) -> None:
    path = artifact / "receipt.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"scores": "sigmoid"}))
    assert read_receipt(artifact).scores == "sigmoid"
    del fields["scores"]
    path.write_text(json.dumps(fields))
    assert read_receipt(artifact).scores == "softmax"


def test_the_version_changes_with_the_contents(artifact: Path) -> None:
    receipt = read_receipt(artifact)
    receipt.files["labels.txt"] = stored_file(artifact / "model.bin")
    assert receipt.version != read_receipt(artifact).version


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def link_outside(path: Path) -> None:
    outside = path.parent.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize("file", ["model.xml", "model.bin", "labels.txt"])
@pytest.mark.parametrize("damage", [flip_a_bit, cut, Path.unlink, link_outside])
def test_a_damaged_file_is_named(artifact: Path, file: str, damage: Callable[[Path], None]) -> None:
    damage(artifact / file)
    with pytest.raises(ArtifactError, match=file):
        verified_receipt(artifact, NAME)


def test_a_wrong_digest_is_reported_with_the_expected_and_the_actual_one(artifact: Path) -> None:
    expected = read_receipt(artifact).files["model.bin"].sha256
    flip_a_bit(artifact / "model.bin")
    with pytest.raises(ArtifactError, match=rf"SHA-256 {expected}, but has \d+ with [0-9a-f]{{64}}"):
        verified_receipt(artifact, NAME)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="cut"),
        pytest.param("[]", id="list"),
        pytest.param('{"format": 1}', id="no-fields"),
    ],
)
def test_a_malformed_receipt_is_refused(artifact: Path, text: str) -> None:
    (artifact / "receipt.json").write_text(text)
    with pytest.raises(ArtifactError, match="is not a receipt"):
        read_receipt(artifact)


def test_a_receipt_of_another_format_asks_for_a_new_export(artifact: Path) -> None:
    path = artifact / "receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
    with pytest.raises(ArtifactError, match="export the model again"):
        read_receipt(artifact)


def test_a_receipt_with_unknown_scores_asks_for_a_new_export(artifact: Path) -> None:
    path = artifact / "receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scores": "relu"}))
    with pytest.raises(ArtifactError, match="export the model again"):
        read_receipt(artifact)


def test_the_artifact_of_another_model_is_refused(artifact: Path) -> None:
    with pytest.raises(ArtifactError, match="belongs to the model 'efficientnet-lite0', not 'other'"):
        verified_receipt(artifact, "other")


def test_a_receipt_that_names_other_files_is_refused(artifact: Path) -> None:
    path = artifact / "receipt.json"
    fields = json.loads(path.read_text())
    fields["files"]["../../etc/passwd"] = fields["files"].pop("labels.txt")
    path.write_text(json.dumps(fields))
    with pytest.raises(ArtifactError, match=r"should list model\.xml"):
        read_receipt(artifact)
