"""The table of verdicts and its summary."""

from __future__ import annotations

from frontend.api.client import Model, Prediction, PredictResponse, Timings
from frontend.api.errors import GatewayError
from frontend.api.jobs import Job, State
from frontend.images.image import Image
from frontend.results.comparison import summary, table
from frontend.results.verdict import Thresholds, Verdict, verdict


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


MODELS = [Model("a", "A"), Model("b", "B")]
THRESHOLDS = Thresholds()
IMAGES = [Image("p1", "=cmd|' /C calc'!A0.jpg"), Image("p2", "two.jpg"), Image("p3", "drei, ö.jpg")]
JOBS = {
    (one.model, one.image): one
    for one in (
        job("a", "p1", "cat"), job("b", "p1", "cat", at=1.0),
        job("a", "p2", "dog", score=0.2), job("b", "p2", "wolf"),
        job("a", "p3", state="failed"), job("b", "p3", state="queued"),
    )
}  # fmt: skip


def test_the_summary_counts_images_to_which_every_model_responded() -> None:
    rows = table(IMAGES, MODELS, JOBS, THRESHOLDS)
    counts = summary(rows, JOBS.values())
    assert (counts.done, counts.failed, counts.retryable, counts.pending, counts.total) == (4, 1, 1, 1, 6)
    assert (counts.agreed, counts.compared, counts.unsure) == (1, 2, 1)
    assert counts.rate == 2.0
    assert counts.median == {"a": 20.0, "b": 20.5}


def test_an_empty_table_has_a_summary() -> None:
    assert summary(table([], MODELS, {}, THRESHOLDS), []).total == 0


def test_a_softmax_model_says_its_best_label_and_whether_it_is_sure() -> None:
    low = job("a", "p1", "cat", score=0.29)
    assert verdict(low, Model("a", "A"), Thresholds(0.3)).sure is False
    assert verdict(low, Model("a", "A"), Thresholds(0.29)).labels == ("cat",)
    assert verdict(low, Model("a", "A"), Thresholds(0.29)).sure is True
    assert verdict(low, Model("a", "A"), Thresholds(0.3, measured={"a": 0.25})).sure is True
    assert verdict(low, Model("a", "A"), Thresholds(0.25, measured={"a": 0.3})).sure is False


def test_every_label_of_a_sigmoid_model_from_the_threshold_on_applies() -> None:
    model = Model("a", "A", scores="sigmoid")
    found = job("a", "p1", "cat", score=0.2)
    assert verdict(found, model, Thresholds(applies=0.05)).labels == ("cat", "other")
    assert verdict(found, model, Thresholds(applies=0.1)).labels == ("cat",)
    nothing = verdict(found, model, Thresholds(applies=0.5))
    assert (nothing.labels, nothing.sure) == ((), True)


def test_raw_outputs_are_never_unsure() -> None:
    assert verdict(job("a", "p1", "cat", score=-3.0), Model("a", "A", scores="none"), THRESHOLDS).sure is True


def test_a_model_without_a_job_is_pending() -> None:
    assert verdict(None, Model("a", "A"), THRESHOLDS) == Verdict("pending")
