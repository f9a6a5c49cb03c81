"""Agreement, the table and its summary."""

from __future__ import annotations

import pytest

from frontend.api.client import GatewayError, Prediction, PredictResponse, Timings
from frontend.api.jobs import Job, State
from frontend.images.image import Image
from frontend.results.comparison import Agreement, agreement, summary, table


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({}, Agreement("none"), id="none yet"),
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
def test_models_agree_on_their_best_labels(labels: dict[str, str], expected: Agreement) -> None:
    assert agreement(labels) == expected


def job(model: str, image: str, label: str = "", score: float = 0.9, state: State = "done", at: float = 0.0) -> Job:
    if state == "failed":
        error = GatewayError("overloaded", "Busy.", request_id="r2", status=429)
        return Job(model, image, "failed", error=error)
    if state != "done":
        return Job(model, image, state)
    response = PredictResponse(
        (Prediction(label, score), Prediction("other", 0.05)), Timings(20.0 + at, {"infer": 9.0}), "r1", "v1"
    )
    return Job(model, image, "done", response=response, started_at=at, ended_at=at + 1)


IMAGES = [Image("p1", "=cmd|' /C calc'!A0.jpg"), Image("p2", "two.jpg"), Image("p3", "drei, ö.jpg")]
JOBS = {
    (one.model, one.image): one
    for one in (
        job("a", "p1", "cat"), job("b", "p1", "cat", at=1.0),
        job("a", "p2", "dog", score=0.2), job("b", "p2", "wolf"),
        job("a", "p3", state="failed"), job("b", "p3", state="queued"),
    )
}  # fmt: skip


def test_the_summary_counts_cells_and_agreements() -> None:
    rows = table(IMAGES, ["a", "b"], JOBS, threshold=0.3)
    counts = summary(rows, JOBS.values())
    assert (counts.done, counts.failed, counts.pending, counts.total) == (4, 1, 1, 6)
    assert (counts.agreed, counts.compared, counts.unsure) == (1, 2, 1)
    assert counts.rate == 2.0
    assert counts.median == {"a": 20.0, "b": 20.5}


def test_an_empty_table_has_a_summary() -> None:
    assert summary(table([], ["a"], {}, 0.3), []).total == 0
