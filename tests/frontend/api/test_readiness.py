"""Waking models: one request at a time for all visitors, and retries as long as they may help."""

from __future__ import annotations

import threading

import pytest

from frontend.api.errors import GatewayError
from frontend.api.readiness import ABSENT_TIMEOUT, LOADING_TIMEOUT, READY_FOR, SHORTEST_COLD_START, Readiness

LOADING = GatewayError("not_ready", "The model is loading.", status=503, retry_after=1)
ABSENT = GatewayError("http_503", "no healthy upstream", status=503)
UNKNOWN = GatewayError("http_404", "not defined", status=404)


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Service:
    """A model's /ready: takes `seconds`, fails with each of `errors` in turn, then succeeds."""

    def __init__(self, clock: Clock, *errors: GatewayError, seconds: float = 0.0) -> None:
        self.clock = clock
        self.errors = list(errors)
        self.seconds = seconds
        self.requests = 0
        self.open = threading.Event()
        self.open.set()

    def ready(self, model: str) -> None:
        self.requests += 1
        assert self.open.wait(10)
        self.clock.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def readiness_of(service: Service) -> Readiness:
    return Readiness(service.ready, clock=service.clock, sleep=service.clock.sleep)


def test_a_model_is_woken_once_however_many_ask(clock: Clock) -> None:
    service = Service(clock)
    service.open.clear()
    readiness = readiness_of(service)
    futures = [readiness.wake("a") for _ in range(50)]
    assert readiness.state("a").state == "waking"
    service.open.set()
    assert {future.result(10) for future in futures} == {0.0}
    assert (service.requests, readiness.state("a").state) == (1, "ready")
    assert readiness.wake("a").result(0) == 0.0
    assert service.requests == 1


def test_a_model_that_is_loading_is_waited_for(clock: Clock) -> None:
    service = Service(clock, *[LOADING] * 20)
    readiness = readiness_of(service)
    assert ABSENT_TIMEOUT < readiness.wake("a").result(10) < LOADING_TIMEOUT
    assert service.requests == 21


@pytest.mark.parametrize(
    ("error", "limit"),
    [pytest.param(LOADING, LOADING_TIMEOUT, id="loading"), pytest.param(ABSENT, ABSENT_TIMEOUT, id="absent")],
)
def test_a_model_that_stays_unavailable_fails_in_the_end(clock: Clock, error: GatewayError, limit: float) -> None:
    readiness = readiness_of(Service(clock, *[error] * 1000))
    assert readiness.wake("a").exception(10) is error
    assert limit / 2 < clock.now <= limit
    assert (readiness.state("a").state, readiness.state("a").error) == ("failed", error)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(UNKNOWN, id="unknown to the gateway"),
        pytest.param(GatewayError("unreachable", "No gateway."), id="no gateway"),
    ],
)
def test_an_error_that_will_not_pass_is_not_retried(clock: Clock, error: GatewayError) -> None:
    service = Service(clock, error)
    assert readiness_of(service).wake("a").exception(10) is error
    assert service.requests == 1


def test_a_briefly_absent_model_is_retried(clock: Clock) -> None:
    readiness = readiness_of(Service(clock, ABSENT, ABSENT))
    readiness.wake("a").result(10)
    assert readiness.state("a").state == "ready"


def test_after_a_failure_the_next_request_tries_again(clock: Clock) -> None:
    readiness = readiness_of(Service(clock, UNKNOWN))
    assert readiness.wake("a").exception(10)
    assert readiness.wake("a").result(10) == 0.0
    assert readiness.state("a").state == "ready"


def test_readiness_expires(clock: Clock) -> None:
    service = Service(clock)
    readiness = readiness_of(service)
    readiness.wake("a").result(10)
    clock.sleep(READY_FOR + 1)
    assert readiness.state("a").state == "unknown"
    readiness.wake("a").result(10)
    assert service.requests == 2


def test_the_typical_cold_start_is_the_median_of_those_observed(clock: Clock) -> None:
    service = Service(clock)
    readiness = readiness_of(service)
    assert readiness.typical_seconds("a") is None
    for seconds in (5.0, 60.0, 7.0):
        service.seconds = seconds
        readiness.wake("a").result(10)
        readiness.forget("a")
    assert readiness.typical_seconds("a") == 7.0


def test_a_quick_wake_is_not_a_cold_start(clock: Clock) -> None:
    service = Service(clock, seconds=SHORTEST_COLD_START - 0.1)
    readiness = readiness_of(service)
    assert readiness.wake("a").result(10) > 0
    assert readiness.typical_seconds("a") is None


def test_a_failed_start_is_not_a_cold_start(clock: Clock) -> None:
    readiness = readiness_of(Service(clock, UNKNOWN, seconds=30.0))
    assert readiness.wake("a").exception(10)
    assert readiness.typical_seconds("a") is None


def test_a_model_that_was_forgotten_is_woken_again(clock: Clock) -> None:
    readiness = readiness_of(Service(clock))
    readiness.wake("a").result(10)
    readiness.forget("a")
    assert readiness.state("a").state == "unknown"
    readiness.mark_ready("a")
    assert readiness.state("a").state == "ready"
