"""Agreement, the table, its summary and its exports."""

from __future__ import annotations

import csv
import io
import json

import pytest

from frontend.api.client import Answer, GatewayError, Prediction, Timings
from frontend.api.jobs import Job, State
from frontend.images.image import Picture
from frontend.results.comparison import Agreement, agreement, as_csv, as_json, summary, table


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        pytest.param({}, Agreement("none"), id="nobody has answered"),
        pytest.param({"a": "cat"}, Agreement("one", 1, "cat", 1), id="one"),
        pytest.param({"a": "cat", "b": "cat"}, Agreement("all", 2, "cat", 2), id="all"),
        pytest.param(
            {"a": "cat", "b": "dog", "c": "cat"}, Agreement("most", 3, "cat", 2, (("b", "dog"),)), id="a majority"
        ),
        pytest.param(
            {"a": "cat", "b": "dog"},
            Agreement("no", 2, "cat", 1, (("a", "cat"), ("b", "dog"))),
            id="no majority",
        ),
    ],
)
def test_models_agree_when_they_name_the_same_first(answers: dict[str, str], verdict: Agreement) -> None:
    assert agreement(answers) == verdict


def job(model: str, picture: str, label: str = "", score: float = 0.9, state: State = "done", at: float = 0.0) -> Job:
    if state == "failed":
        error = GatewayError("overloaded", "Busy.", request_id="r2", status=429)
        return Job(model, picture, "failed", error=error)
    if state != "done":
        return Job(model, picture, state)
    answer = Answer(
        (Prediction(label, score), Prediction("other", 0.05)), Timings(20.0 + at, {"infer": 9.0}), "r1", "v1"
    )
    return Job(model, picture, "done", answer=answer, asked_at=at, ended_at=at + 1)


PICTURES = [Picture("p1", "=cmd|' /C calc'!A0.jpg"), Picture("p2", "two.jpg"), Picture("p3", "drei, ö.jpg")]
JOBS = {
    (one.model, one.picture): one
    for one in (
        job("a", "p1", "cat"), job("b", "p1", "cat", at=1.0),
        job("a", "p2", "dog", score=0.2), job("b", "p2", "wolf"),
        job("a", "p3", state="failed"), job("b", "p3", state="waiting"),
    )
}  # fmt: skip


def test_the_summary_counts_what_came_and_how_it_agrees() -> None:
    rows = table(PICTURES, ["a", "b"], JOBS, threshold=0.3)
    counts = summary(rows, JOBS.values())
    assert (counts.pictures, counts.answers, counts.failures, counts.pending, counts.total) == (3, 4, 1, 1, 6)
    assert (counts.agreed, counts.compared, counts.unsure) == (1, 2, 1)
    assert counts.rate == 2.0
    assert counts.median == {"a": 20.0, "b": 20.5}


def test_an_empty_table_has_a_summary() -> None:
    assert summary(table([], ["a"], {}, 0.3), []).total == 0


def test_the_csv_is_one_line_per_question_and_no_spreadsheet_takes_a_name_for_a_formula() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(table(PICTURES, ["a", "b"], JOBS, 0.3)))))
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


def test_the_json_has_every_label_that_came() -> None:
    document = json.loads(as_json(table(PICTURES, ["a", "b"], JOBS, 0.3), JOBS))
    first, _, third = document["pictures"]
    assert (first["picture"], first["agreement"]) == (PICTURES[0].name, "all")
    assert first["models"]["a"]["predictions"] == [{"label": "cat", "score": 0.9}, {"label": "other", "score": 0.05}]
    assert third["models"]["a"] == {"error": "overloaded", "request_id": "r2"}
