"""The downloads."""

from __future__ import annotations

import csv
import io
import json

from frontend.results.comparison import table
from frontend.results.export import as_csv, as_json
from frontend.results.verdict import Thresholds
from tests.frontend.results.test_comparison import IMAGES, JOBS, MODELS

ROWS = table(IMAGES, MODELS, JOBS, Thresholds())


def test_the_csv_has_a_line_per_image_and_model_and_no_formulas() -> None:
    content = as_csv(ROWS, JOBS, 2)
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
    document = json.loads(as_json(ROWS, JOBS))
    first, second, third = document["pictures"]
    assert (first["picture"], first["agreement"], first["chosen"], first["responded"]) == (IMAGES[0].name, "all", 2, 2)
    assert first["models"]["a"]["predictions"] == [{"label": "cat", "score": 0.9}, {"label": "other", "score": 0.05}]
    assert (second["agreement"], second["unsure"], second["models"]["a"]["sure"]) == ("no", 1, False)
    assert (third["agreement"], third["responded"]) == ("none", 0)
    assert third["models"]["a"] == {"error": "overloaded", "request_id": "r2"}
