"""A visitor's questions: each asked once, each model in its own line, cancelled, resumed, postponed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from frontend.api.client import Answer, GatewayError, Prediction, Timings
from frontend.api.jobs import Job, JobStore, State
from frontend.images.image import Picture
from tests.running import wait_for

PICTURES = [Picture(id=f"p{number}", name=f"{number}.jpg", data=b"x") for number in range(20)]


class Models:
    """What the store asks: counts the questions, holds them back, fails on demand."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.open = threading.Event()
        self.open.set()
        self.errors: list[GatewayError] = []
        self.sleeping: dict[str, Future[float]] = {}
        self.lock = threading.Lock()
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()

    def ask(self, model: str, picture: Picture) -> Answer:
        with self.lock:
            self.asked[model, picture.id] += 1
            self.at_once[model] += 1
            self.most_at_once[model] = max(self.most_at_once[model], self.at_once[model])
            error = self.errors.pop() if self.errors else None
        assert self.open.wait(10)
        with self.lock:
            self.at_once[model] -= 1
        if error:
            raise error
        return Answer((Prediction(f"{model} of {picture.id}", 0.9),), Timings(1.0), "id")

    def awake(self, model: str) -> Future[float]:
        if model in self.sleeping:
            return self.sleeping[model]
        done: Future[float] = Future()
        done.set_result(0.0)
        return done


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def store(models: Models) -> Iterator[JobStore]:
    with ThreadPoolExecutor(16) as executor:
        yield JobStore(models.ask, models.awake, executor)
        models.open.set()


def settled(store: JobStore) -> dict[tuple[str, str], Job]:
    wait_for(lambda: not any(job.pending for job in store.jobs().values()), 10, "every job settled")
    return store.jobs()


def states(store: JobStore) -> Counter[State]:
    return Counter(job.state for job in store.jobs().values())


def test_every_model_is_asked_once_about_every_picture(store: JobStore, models: Models) -> None:
    store.submit(PICTURES, ["a", "b", "c"])
    store.submit(PICTURES, ["a", "b", "c"])
    jobs = settled(store)
    store.submit(PICTURES[:3], ["c"])
    assert len(jobs) == 60
    assert set(models.asked.values()) == {1}
    assert all(
        job.answer is not None and job.answer.predictions[0].label == f"{model} of {picture}"
        for (model, picture), job in jobs.items()
    )


def test_each_model_has_a_line_of_its_own(store: JobStore, models: Models) -> None:
    models.sleeping["asleep"] = Future()
    store.submit(PICTURES, ["asleep", "awake"])
    wait_for(lambda: states(store)["done"] == len(PICTURES), 10, "the model that is awake answered everything")
    assert {job.state for job in store.jobs().values() if job.model == "asleep"} == {"waiting", "waking"}
    models.sleeping["asleep"].set_result(2.5)
    jobs = settled(store)
    assert jobs["asleep", "p0"].woke == 2.5
    assert max(models.most_at_once.values()) <= 4


def test_a_model_that_does_not_wake_fails_its_whole_line_and_no_other(store: JobStore, models: Models) -> None:
    models.sleeping["down"] = Future()
    store.submit(PICTURES, ["down", "up"])
    models.sleeping["down"].set_exception(GatewayError("http_503", "Nobody there.", status=503))
    jobs = settled(store)
    down = [job for job in jobs.values() if job.model == "down"]
    assert {job.state for job in down} == {"failed"}
    assert {job.error.code for job in down if job.error} == {"http_503"}
    assert states(store)["done"] == len(PICTURES)
    assert not any(model == "down" for model, _ in models.asked)


def test_what_is_cancelled_is_not_asked_until_it_is_resumed(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(PICTURES, ["a"])
    wait_for(lambda: models.at_once["a"] == 4, 10, "four questions under way")
    store.cancel()
    models.open.set()
    wait_for(lambda: states(store)["done"] == 4, 10, "what was under way arrived")
    assert states(store) == {"done": 4, "cancelled": 16}
    store.again()
    settled(store)
    assert states(store) == {"done": 20}
    assert set(models.asked.values()) == {1}


def test_a_failure_can_be_tried_again(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("http_500", "Oops.", status=500)]
    store.submit(PICTURES[:1], ["a", "b"])
    assert Counter(job.state for job in settled(store).values()) == {"failed": 1, "done": 1}
    store.again(["a", "b"])
    assert {job.state for job in settled(store).values()} == {"done"}


def test_a_busy_model_is_asked_again_when_it_says(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.01) for _ in range(3)]
    store.submit(PICTURES[:1], ["a"])
    assert settled(store)["a", "p0"].state == "done"
    assert models.asked["a", "p0"] == 4


def test_a_model_that_stays_busy_is_an_error_in_the_end(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.01) for _ in range(20)]
    store.submit(PICTURES[:1], ["a"])
    job = settled(store)["a", "p0"]
    assert job.error is not None
    assert job.error.code == "overloaded"
    assert models.asked["a", "p0"] == 5


def test_cancelling_and_resuming_while_a_model_is_busy_sends_nothing_twice(store: JobStore, models: Models) -> None:
    models.errors = [GatewayError("overloaded", "Busy.", status=429, retry_after=0.2)]
    store.submit(PICTURES[:1], ["a"])
    wait_for(lambda: store.jobs()["a", "p0"].refusals == 1, 10, "the question was refused")
    store.cancel()
    store.again()
    settled(store)
    waited = threading.Event()
    timer = threading.Timer(0.3, waited.set)
    timer.start()
    assert waited.wait(5)
    assert models.asked["a", "p0"] == 2


def test_a_fault_of_the_page_itself_is_an_error_like_any_other(models: Models) -> None:
    def broken(model: str, picture: Picture) -> Answer:
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as executor:
        store = JobStore(broken, models.awake, executor)
        store.submit(PICTURES[:2], ["a"])
        assert {job.error.code for job in settled(store).values() if job.error} == {"page_failed"}


def test_forgotten_pictures_leave_nothing_behind(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(PICTURES, ["a"])
    wait_for(lambda: models.at_once["a"] == 4, 10, "four questions under way")
    store.forget([picture.id for picture in PICTURES])
    models.open.set()
    store.submit(PICTURES[:1], ["b"])
    assert list(settled(store)) == [("b", "p0")]
    assert sum(models.asked.values()) == 5


def test_nothing_more_is_asked_for_a_visitor_who_has_left(models: Models) -> None:
    with ThreadPoolExecutor(16) as executor:
        store = JobStore(models.ask, models.awake, executor, absence=0.0)
        store.submit(PICTURES, ["a"])
        assert models.asked == {}
        assert len(store.jobs()) == len(PICTURES)


def test_waiting_ends_with_the_first_news(store: JobStore, models: Models) -> None:
    models.open.clear()
    store.submit(PICTURES[:1], ["a"])
    wait_for(lambda: models.at_once["a"] == 1, 10, "the question is under way")
    version = store.version
    threading.Timer(0.05, models.open.set).start()
    assert store.wait(version, 10)
    assert not store.wait(store.version, 0.01)
