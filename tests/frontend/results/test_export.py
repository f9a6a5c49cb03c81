"""The downloads."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from frontend.images.image import Image
from frontend.results.comparison import table
from frontend.results.export import as_csv, as_json, labels_csv
from frontend.results.marks import Mark
from frontend.results.verdict import Thresholds
from services.catalog.labelled_images import LabelledImage, labelled_images
from tests.frontend.results.test_comparison import IMAGES, JOBS, MODELS

ROWS = table(IMAGES, MODELS, JOBS, Thresholds())


def test_the_csv_has_a_line_per_image_and_model_and_no_formulas() -> None:
    content = as_csv(ROWS, JOBS, 2, {})
    assert content.startswith(b"\xef\xbb\xbf")  # Excel reads UTF-8 only after a byte order mark
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert len(lines) == 6
    assert lines[0] == {
        "picture": "'=cmd|' /C calc'!A0.jpg",
        "model": "a",
        "label": "cat",
        "score": "0.900000",
        "sure": "yes",
        "agree": "yes",
        "label_2": "other",
        "score_2": "0.050000",
        "milliseconds": "20.0",
        "error": "",
        "request_id": "r1",
        "marked": "",
        "right": "",
    }
    assert [(line["label"], line["sure"], line["agree"]) for line in lines[2:4]] == [
        ("dog", "no", "no"),
        ("wolf", "yes", "no"),
    ]
    assert [(line["error"], line["request_id"], line["agree"]) for line in lines[4:]] == [
        ("overloaded", "r2", ""),
        ("pending", "", ""),
    ]
    assert lines[4]["picture"] == "drei, ö.jpg"


def test_the_json_has_every_label_and_counts_every_chosen_model() -> None:
    document = json.loads(as_json(ROWS, JOBS, {}))
    first, second, third = document["pictures"]
    assert (first["picture"], first["agreement"], first["chosen"], first["responded"]) == (IMAGES[0].name, "all", 2, 2)
    assert first["models"]["a"]["predictions"] == [{"label": "cat", "score": 0.9}, {"label": "other", "score": 0.05}]
    assert (second["agreement"], second["unsure"], second["models"]["a"]["sure"]) == ("no", 1, False)
    assert (third["agreement"], third["responded"]) == ("none", 0)
    assert third["models"]["a"] == {"error": "overloaded", "request_id": "r2"}


MARKS = {"p1": Mark("cat", "cat"), "p2": Mark("dog", "=wolf"), "p3": Mark("cow")}


def test_the_visitor_s_marks_are_in_both_files() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(ROWS, JOBS, 1, MARKS).decode("utf-8-sig"))))
    assert [(line["marked"], line["right"]) for line in lines] == [
        ("cat", "yes"), ("cat", "yes"), ("'=wolf", "no"), ("'=wolf", "no"), ("", ""), ("", "")
    ]  # fmt: skip
    first, second, third = json.loads(as_json(ROWS, JOBS, MARKS))["pictures"]
    assert (first["marked"], first["models"]["a"]["right"]) == ({"label": "cat", "asked": "cat"}, True)
    assert (second["marked"]["label"], second["models"]["b"]["right"]) == ("=wolf", False)
    assert third["marked"] == {"label": "", "asked": "cow"}


def test_the_evaluation_of_an_export_reads_the_marked_images(tmp_path: Path) -> None:
    names = ["cat/1.jpg", "-2.jpg", "@ ö, 3.jpg", "unmarked.jpg", "unknown.jpg"]
    (tmp_path / "cat").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(b"an image")
    images = [Image(name, name) for name in names]
    marks = {name: Mark("cat", label) for name, label in zip(names, ["cat", "dog, small", "lynx"], strict=False)}
    marks["unknown.jpg"] = Mark("cat")
    file = tmp_path / "labels.csv"
    file.write_bytes(labels_csv(images, marks))
    assert labelled_images(file) == [
        LabelledImage(tmp_path / "cat" / "1.jpg", "cat"),
        LabelledImage(tmp_path / "-2.jpg", "dog, small"),
        LabelledImage(tmp_path / "@ ö, 3.jpg", "lynx"),
    ]
