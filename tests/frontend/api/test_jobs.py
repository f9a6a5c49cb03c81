"""A visitor's jobs: each sent once, one queue per model, cancelled, resumed, retried."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from benchmarks.harness.process import wait_for
from frontend.api.client import Prediction, PredictResponse, Timings
from frontend.api.errors import GatewayError
from frontend.api.jobs import Job, JobStore, State
from frontend.images.image import Image

IMAGES = [Image(id=f"i{number}", name=f"{number}.jpg", data=b"x") for number in range(20)]


class Models:
    """What the store calls: counts the requests, blocks them, fails on demand."""

    def __init__(self) -> None:
        self.sent: Counter[tuple[str, str]] = Counter()
        self.open = threading.Event()
        self.open.set()
        self.errors: list[GatewayError] = []
        self.starting: dict[str, Future[float]] = {}
        self.lock = threading.Lock()
        self.running: Counter[str] = Counter()
        self.most_running: Counter[str] = Counter()

    def predict(self, model: str, image: Image) -> PredictResponse:
        with self.lock:
            self.sent[model, image.id] += 1
            self.running[model] += 1
            self.most_running[model] = max(self.most_running[model], self.running[model])
            error = self.errors.pop() if self.errors else None
        assert self.open.wait(10)
        with self.lock:
            self.running[model] -= 1
        if error:
            raise error
        return PredictResponse((Prediction(f"{model} of {image.id}", 0.9),), Timings(1.0), "id")

    def wake(self, model: str) -> Future[float]:
        if model in self.starting:
            return self.starting[model]
        done: Future[float] = Future()
        done.set_result(0.0)
        return done


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def store(models: Models) -> Iterator[JobStore]:
    with ThreadPoolExecutor(16) as executor:
        yield JobStore(models.predict, models.wake, executor)
        models.open.set()


def settled(store: JobStore) -> dict[tuple[str, str], Job]:
    wait_for(lambda: not any(job.pending for job in store.jobs().values()), 10, "no job is pending")
    return store.jobs()


def states(store: JobStore) -> Counter[State]:
    return Counter(job.state for job in store.jobs().values())


def test_every_image_is_sent_once_to_every_model(store: JobStore, models: Models) -> None:
    store.submit(IMAGES, ["a", "b", "c"])
    store.submit(IMAGES, ["a", "b", "c"])
    jobs = settled(store)
    store.submit(IMAGES[:3], ["c"])
    assert len(jobs) == 60
    assert set(models.sent.values()) == {1}
    assert all(
        job.response is not None and job.response.predictions[0].label == f"{model} of {image}"
        for (model, image), job in jobs.items()
    )


def test_each_model_has_its_own_queue(store: JobStore, models: Models) -> None:
    models.starting["starting"] = Future()
    store.submit(IMAGES, ["starting", "ready"])
    wait_for(lambda: states(store)["done"] == len(IMAGES), 10, "the model that is ready finished everything")
    assert {job.state for job in store.jobs().values() if job.model == "starting"} == {"queued", "waking"}
    models.starting["starting"].set_result(2.5)
    jobs = settled(store)
    assert jobs["starting", "i0"].wake_seconds == 2.5
    assert max(models.most_running.values()) <= 4


def test_a_model_that_does_not_start_fails_its_whole_queue_and_no_other(store: JobStore, models: Models) -> None:
    models.starting["down"] = Future()
    store.submit(IMAGES, ["down", "up"])
    models.starting["down"].set_exception(GatewayError("http_503", "No healthy upstream.", status=503))
    jobs = settled(store)
    down = [job for job in jobs.values() if job.model == "down"]
    assert {job.state for job in down} == {"failed"}
    assert {job.error.code for job in down if job.error} == {"http_503"}
    assert states(store)["done"] == len(IMAGES)
    assert not any(model == "down" for model, _ in models.sent)


def test_cancelled_jobs_are_not_sent_until_they_are_resumed(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(IMAGES, ["a"])
    wait_for(lambda: models.running["a"] == 4, 10, "four requests are running")
    store.cancel()
    models.open.set()
    wait_for(lambda: states(store)["done"] == 4, 10, "the running requests finished")
    assert states(store) == {"done": 4, "cancelled": 16}
    store.retry()
    settled(store)
    assert states(store) == {"done": 20}
    assert set(models.sent.values()) == {1}


def test_a_failed_job_can_be_retried(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("http_500", "Oops.", status=500)]
    store.submit(IMAGES[:1], ["a", "b"])
    assert Counter(job.state for job in settled(store).values()) == {"failed": 1, "done": 1}
    store.retry(["a", "b"])
    assert {job.state for job in settled(store).values()} == {"done"}


def test_a_busy_model_is_retried_after_its_retry_after(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.01) for _ in range(3)]
    store.submit(IMAGES[:1], ["a"])
    assert settled(store)["a", "i0"].state == "done"
    assert models.sent["a", "i0"] == 4


def test_a_model_that_stays_busy_fails_in_the_end(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.01) for _ in range(20)]
    store.submit(IMAGES[:1], ["a"])
    job = settled(store)["a", "i0"]
    assert job.error is not None
    assert job.error.code == "overloaded"
    assert models.sent["a", "i0"] == 5


def test_cancelling_and_resuming_while_a_model_is_busy_sends_nothing_twice(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.2)]
    store.submit(IMAGES[:1], ["a"])
    wait_for(lambda: store.jobs()["a", "i0"].retries == 1, 10, "the request was refused")
    store.cancel()
    store.retry()
    settled(store)
    waited = threading.Event()
    timer = threading.Timer(0.3, waited.set)
    timer.start()
    assert waited.wait(5)
    assert models.sent["a", "i0"] == 2


def test_a_bug_in_the_page_is_an_error_like_any_other(models: Models) -> None:
    def broken(model: str, image: Image) -> PredictResponse:
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as executor:
        store = JobStore(broken, models.wake, executor)
        store.submit(IMAGES[:2], ["a"])
        assert {job.error.code for job in settled(store).values() if job.error} == {"page_failed"}


def test_forgotten_images_leave_nothing_behind(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(IMAGES, ["a"])
    wait_for(lambda: models.running["a"] == 4, 10, "four requests are running")
    store.forget([image.id for image in IMAGES])
    models.open.set()
    store.submit(IMAGES[:1], ["b"])
    assert list(settled(store)) == [("b", "i0")]
    assert sum(models.sent.values()) == 5


def test_queued_jobs_are_paused_for_a_visitor_who_has_left(models: Models) -> None:
    with ThreadPoolExecutor(16) as executor:
        store = JobStore(models.predict, models.wake, executor, visitor_timeout=0.0)
        store.submit(IMAGES, ["a"])
        assert models.sent == {}
        assert len(store.jobs()) == len(IMAGES)


def test_waiting_ends_with_the_first_change(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(IMAGES[:1], ["a"])
    wait_for(lambda: models.running["a"] == 1, 10, "the request is running")
    version = store.version
    threading.Timer(0.05, models.open.set).start()
    assert store.wait(version, 10)
    assert not store.wait(store.version, 0.01)
