"""The journal from which a run resumes, the output files, and the accuracy."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from frontend.classify.accuracy import Accuracy, accuracies
from frontend.classify.results import Journal, Result, as_csv, as_json, write_results

CAT = Result("cats/a.jpg", "tabby_cat", "m", ("Tabby cat", "lynx"), (0.75, 0.25), 12.34, "v1", "r1")
DOG = replace(CAT, image="dogs/b.jpg", folder="dog", labels=("wolf", "dog"))
BROKEN = Result("=c.jpg", "", "m", request_id="r2", error="image_corrupt", detail="It is corrupt.")


def test_a_journal_gives_back_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.partial"
    journal = Journal(path, 2)
    journal.add(CAT, "1")
    journal.add(BROKEN, "1")
    journal.add(replace(DOG, error="overloaded", temporary=True), "1")
    journal.close()
    again = Journal(path, 2)
    assert again.done("cats/a.jpg", "m", "1") == CAT
    assert again.done("=c.jpg", "m", "1") == BROKEN
    assert again.done("dogs/b.jpg", "m", "1") is None, "the error may pass"
    assert again.done("cats/a.jpg", "m", "2") is None, "the file has changed"
    assert again.done("cats/a.jpg", "other", "1") is None
    again.close(delete=True)
    assert not path.exists()


def test_results_with_another_number_of_labels_are_not_reused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", 2)
    journal.add(CAT, "1")
    journal.close()
    other = Journal(tmp_path / "j", 5)
    assert other.done("cats/a.jpg", "m", "1") is None
    other.close()


@pytest.mark.parametrize("size", range(0, 200, 7))
def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path, size: int) -> None:
    path = tmp_path / "j"
    journal = Journal(path, 2)
    journal.add(CAT, "1")
    end = path.stat().st_size
    journal.add(DOG, "1")
    journal.close()
    path.write_bytes(path.read_bytes()[: end + size])
    again = Journal(path, 2)
    assert again.done("cats/a.jpg", "m", "1") == CAT
    again.add(BROKEN, "1")
    again.close()
    third = Journal(path, 2)
    assert third.done("=c.jpg", "m", "1") == BROKEN
    third.close()


def test_csv_has_a_line_per_image_and_model() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([CAT, BROKEN], 3))))
    assert rows[0] == {
        "image": "cats/a.jpg",
        "folder": "tabby_cat",
        "model": "m",
        "label": "Tabby cat",
        "score": "0.750000",
        "label_2": "lynx",
        "score_2": "0.250000",
        "label_3": "",
        "score_3": "",
        "milliseconds": "12.3",
        "version": "v1",
        "error": "",
        "detail": "",
        "request_id": "r1",
    }
    assert (rows[1]["image"], rows[1]["label"], rows[1]["error"]) == ("'=c.jpg", "", "image_corrupt")
    assert rows[1]["detail"] == "It is corrupt."


def test_json_has_an_object_per_image_and_model() -> None:
    cat, broken = json.loads(as_json([CAT, BROKEN]))
    assert cat["predictions"] == [{"label": "Tabby cat", "score": 0.75}, {"label": "lynx", "score": 0.25}]
    assert (broken["error"], broken["detail"]) == ("image_corrupt", "It is corrupt.")
    assert "predictions" not in broken


@pytest.mark.parametrize("name", ["out.csv", "out.json"])
def test_the_output_is_replaced_at_once_and_leaves_no_other_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    write_results(tmp_path / name, [CAT], 2)
    assert "Tabby cat" in (tmp_path / name).read_text()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_accuracy_counts_images_in_folders_named_after_labels() -> None:
    assert accuracies([CAT, DOG, BROKEN]) == {"m": Accuracy(images=2, best=1, any=2)}
    assert accuracies([replace(CAT, folder="holiday")]) == {}
    assert accuracies([replace(CAT, labels=(), scores=(), error="overloaded")]) == {}
