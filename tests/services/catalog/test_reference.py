from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from services.catalog.reference import InvalidReference, read_reference

DATA = b"an image"
HEAD = {"format": 1, "labels": ["ant", "bee"]}
LINE = {"image": "one.png", "sha256": hashlib.sha256(DATA).hexdigest(), "scores": [0.75, 0.25]}


def reference_file(folder: Path, *lines: object) -> Path:
    path = folder / "reference.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("name", ["one.png", "elsewhere/one.png", "renamed.png"])
def test_an_image_is_found_by_name_or_by_digest(tmp_path: Path, name: str) -> None:
    (tmp_path / "one.png" if name != "renamed.png" else tmp_path / "other.png").write_bytes(DATA)
    reference = read_reference(reference_file(tmp_path, HEAD, LINE | {"image": name}))
    assert reference.by_label(reference.images[0]) == {"ant": 0.75, "bee": 0.25}
    assert reference.images[0].path.read_bytes() == DATA


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference, match=r"one\.png is missing"):
        read_reference(reference_file(tmp_path, HEAD, LINE))


def test_an_image_that_has_changed_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"another")
    with pytest.raises(InvalidReference, match=r"one\.png has changed"):
        read_reference(reference_file(tmp_path, HEAD, LINE))


def test_an_image_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(DATA)
    folder = tmp_path / "catalog"
    folder.mkdir()
    with pytest.raises(InvalidReference, match="missing"):
        read_reference(reference_file(folder, HEAD, LINE | {"image": "../secret.png"}))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([HEAD], id="no-images"),
        pytest.param([LINE], id="no-head"),
        pytest.param([HEAD | {"format": 2}, LINE], id="another-format"),
        pytest.param([HEAD, LINE | {"scores": [1.0]}], id="a-score-is-missing"),
        pytest.param([HEAD, [1, 2]], id="not-an-object"),
        pytest.param([], id="empty"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, lines: list[object]) -> None:
    (tmp_path / "one.png").write_bytes(DATA)
    with pytest.raises(InvalidReference, match=r"not a file that services/export/record\.py writes"):
        read_reference(reference_file(tmp_path, *lines))


def test_what_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reference.jsonl").write_text("image,score\n")
    with pytest.raises(InvalidReference, match="not JSON"):
        read_reference(tmp_path / "reference.jsonl")
