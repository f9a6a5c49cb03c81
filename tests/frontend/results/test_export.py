"""The downloads."""

from __future__ import annotations

import csv
import io
import json

from frontend.results.comparison import table
from frontend.results.export import as_csv, as_json
from tests.frontend.results.test_comparison import IMAGES, JOBS


def test_the_csv_has_a_line_per_image_and_model_and_no_formulas() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(table(IMAGES, ["a", "b"], JOBS, 0.3)))))
    assert len(lines) == 6
    assert lines[0] == {
        "picture": "'=cmd|' /C calc'!A0.jpg",
        "model": "a",
        "label": "cat",
        "score": "0.900000",
        "milliseconds": "20.0",
        "error": "",
        "request_id": "r1",
    }
    assert [(line["error"], line["request_id"]) for line in lines[4:]] == [("overloaded", "r2"), ("pending", "")]
    assert lines[4]["picture"] == "drei, ö.jpg"


def test_the_json_has_every_label() -> None:
    document = json.loads(as_json(table(IMAGES, ["a", "b"], JOBS, 0.3), JOBS))
    first, _, third = document["pictures"]
    assert (first["picture"], first["agreement"]) == (IMAGES[0].name, "all")
    assert first["models"]["a"]["predictions"] == [{"label": "cat", "score": 0.9}, {"label": "other", "score": 0.05}]
    assert third["models"]["a"] == {"error": "overloaded", "request_id": "r2"}
