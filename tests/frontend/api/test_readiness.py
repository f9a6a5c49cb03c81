"""Waking models: once for everybody, patient with what is loading, quick with what is not there."""

from __future__ import annotations

import threading

import pytest

from frontend.api.client import GatewayError
from frontend.api.readiness import Wakes
from tests.running import wait_for


class Service:
    """A model's /ready: answers are taken from `says`, the last one for ever."""

    def __init__(self, *says: GatewayError | None) -> None:
        self.says = list(says) or [None]
        self.asked = 0
        self.open = threading.Event()
        self.open.set()

    def ready(self, model: str) -> float:
        self.asked += 1
        assert self.open.wait(10)
        answer = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if answer:
            raise answer
        return 0.0


LOADING = GatewayError("loading", "The model is loading.", status=503, retry_after=1)
ABSENT = GatewayError("http_503", "no healthy upstream", status=503)
UNKNOWN = GatewayError("http_404", "not defined", status=404)


def test_a_model_is_woken_once_however_many_ask() -> None:
    service = Service()
    service.open.clear()
    wakes = Wakes(service.ready)
    futures = [wakes.awake("a") for _ in range(50)]
    assert wakes.state("a").state == "waking"
    service.open.set()
    assert {future.result(10) for future in futures} == {futures[0].result()}
    assert (service.asked, wakes.state("a").state) == (1, "awake")
    assert wakes.awake("a").result(0) == 0.0
    assert service.asked == 1


def test_a_model_that_is_loading_is_waited_for() -> None:
    service = Service(LOADING, LOADING, None)
    wakes = Wakes(service.ready)
    assert wakes.awake("a").result(10) >= 0.6
    assert service.asked == 3


@pytest.mark.parametrize(
    ("says", "asked"),
    [
        pytest.param(UNKNOWN, 1, id="what the gateway does not know is given up at once"),
        pytest.param(GatewayError("unreachable", "Nobody."), 1, id="and so is a gateway that is not there"),
    ],
)
def test_what_will_not_wake_is_told(says: GatewayError, asked: int) -> None:
    service = Service(says)
    wakes = Wakes(service.ready)
    assert wakes.awake("a").exception(10) is says
    assert (service.asked, wakes.state("a").state, wakes.state("a").error) == (asked, "failed", says)
    assert wakes.usual("a") is None


def test_a_model_with_nobody_behind_its_route_gets_a_few_seconds() -> None:
    service = Service(ABSENT, ABSENT, None)
    wakes = Wakes(service.ready)
    wakes.awake("a").result(10)
    assert wakes.state("a").state == "awake"


def test_after_a_failure_the_next_who_asks_tries_again() -> None:
    service = Service(UNKNOWN, None)
    wakes = Wakes(service.ready)
    assert wakes.awake("a").exception(10)
    assert wakes.awake("a").result(10) < 1
    assert wakes.state("a").state == "awake"


def test_what_was_awake_long_ago_is_not_taken_for_awake() -> None:
    service = Service()
    wakes = Wakes(service.ready, fresh=0.0)
    wakes.awake("a").result(10)
    assert wakes.state("a").state == "unknown"
    wakes.awake("a").result(10)
    assert service.asked == 2


def test_how_long_a_model_usually_takes_is_what_was_seen() -> None:
    service = Service(LOADING, LOADING, LOADING, None)
    wakes = Wakes(service.ready)
    seconds = wakes.awake("a").result(10)
    wait_for(lambda: wakes.usual("a") is not None, 5, "the time is kept")
    assert wakes.usual("a") == seconds


def test_a_model_that_was_not_there_is_woken_again() -> None:
    service = Service()
    wakes = Wakes(service.ready)
    wakes.awake("a").result(10)
    wakes.seen_absent("a")
    assert wakes.state("a").state == "unknown"
    wakes.seen_awake("a")
    assert wakes.state("a").state == "awake"
