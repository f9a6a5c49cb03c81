import json
import shutil
from pathlib import Path

import pytest

from services.artifact import ArtifactError, read_labels, read_receipt, replacing, verified_receipt

NAME = "efficientnet-lite0"


@pytest.fixture
def copy(artifacts: Path, tmp_path: Path) -> Path:
    """A copy of a real artifact, to be damaged."""
    return Path(shutil.copytree(artifacts / NAME, tmp_path / NAME))


def test_a_whole_artifact_is_verified_and_has_its_labels_in_order(copy: Path) -> None:
    receipt = verified_receipt(copy, NAME)
    labels = read_labels(copy, receipt)
    assert (len(labels), labels[0], labels[281], labels[999]) == (1000, "tench", "tabby", "toilet tissue")
    assert receipt.preprocess.crop == 224
    assert receipt.agreement["top1"] >= 0.98


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
def test_a_damaged_file_is_named(copy: Path, file: str, damage: object) -> None:
    assert callable(damage)
    damage(copy / file)
    with pytest.raises(ArtifactError, match=file):
        verified_receipt(copy, NAME)


def test_a_wrong_digest_is_told_with_the_expected_and_the_actual_one(copy: Path) -> None:
    expected = read_receipt(copy).files["model.bin"].sha256
    flip_a_bit(copy / "model.bin")
    with pytest.raises(ArtifactError, match=rf"SHA-256 {expected}, but has \d+ with [0-9a-f]{{64}}"):
        verified_receipt(copy, NAME)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="cut"),
        pytest.param("[]", id="list"),
        pytest.param('{"format": 1}', id="no-fields"),
    ],
)
def test_what_is_no_receipt_is_refused(copy: Path, text: str) -> None:
    (copy / "receipt.json").write_text(text)
    with pytest.raises(ArtifactError, match="is not a receipt"):
        read_receipt(copy)


def test_a_receipt_of_another_format_asks_for_a_new_export(copy: Path) -> None:
    path = copy / "receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
    with pytest.raises(ArtifactError, match="export the model again"):
        read_receipt(copy)


def test_the_artifact_of_another_model_is_refused(copy: Path) -> None:
    with pytest.raises(ArtifactError, match="is of the model 'efficientnet-lite0', not 'other'"):
        verified_receipt(copy, "other")


def test_a_receipt_that_names_other_files_is_refused(copy: Path) -> None:
    path = copy / "receipt.json"
    fields = json.loads(path.read_text())
    fields["files"]["../../etc/passwd"] = fields["files"].pop("labels.txt")
    path.write_text(json.dumps(fields))
    with pytest.raises(ArtifactError, match=r"should list model\.xml"):
        read_receipt(copy)


def test_a_draft_takes_the_place_of_the_old_folder_only_when_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with replacing(folder) as draft:
        (draft / "a").write_text("1")
        assert not folder.exists()

    def fail_half_way() -> None:
        with replacing(folder) as draft:
            (draft / "a").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert (folder / "a").read_text() == "1"
    with replacing(folder) as draft:
        (draft / "b").write_text("3")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in folder.iterdir()] == ["b"]
