"""Send the images to the models, several at a time, and wait when the service says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from typing import NamedTuple

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    wait_random_exponential,
)

from frontend.api.client import GatewayClient
from frontend.api.errors import GatewayError
from frontend.classify.results import Result
from frontend.classify.sources import Source

ATTEMPTS = 8
# How long an image is sent again to an overloaded service, each time after its `Retry-After`.
OVERLOAD_SECONDS = 600.0
# A longer `Retry-After`, in seconds, is reported as an error.
MAX_RETRY_AFTER = 120.0
BACKOFF = wait_random_exponential(multiplier=0.5, max=20)
# Overload, and a service or gateway that is starting or restarting.
OVERLOADED = 429
PASSING = frozenset({OVERLOADED, 502, 503})


class Job(NamedTuple):
    source: Source
    model: str


def run_jobs(
    jobs: Iterable[Job],
    predict: Callable[[Job], Result],
    parallel: int,
    stop: threading.Event,
    done: Callable[[Result], None],
) -> bool:
    """Call `predict` for the jobs, `parallel` at a time, and `done` with each result; False if interrupted by Ctrl-C.

    After Ctrl-C, requests that have been sent still get their responses, and `done` is called with them.
    """

    def work(job: Job) -> None:
        if not stop.is_set():
            done(predict(job))

    with ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return not stop.is_set()


def wake(client: GatewayClient, models: Iterable[str]) -> None:
    """Start the services that are scaled to zero. One that does not start is reported with its images."""

    def ready(model: str) -> None:
        with suppress(GatewayError):
            client.ready(model)

    with ThreadPoolExecutor() as pool:
        list(pool.map(ready, models))


def predicted(client: GatewayClient, job: Job, top: int, stop: threading.Event) -> Result:
    """The model's prediction; tries again after errors that pass, when the service asks for it or after a while."""
    source, model = job
    attempts = Retrying(
        retry=retry_if_exception(passes),
        wait=seconds_to_wait,
        stop=lambda state: stop.is_set() or gives_up(state),
        sleep=sleep_using_event(stop),
        reraise=True,
    )
    try:
        response = attempts(client.predict, model, source.read(), top)
    except GatewayError as err:
        return Result(
            source.name, source.folder, model, request_id=err.request_id, error=err.code, detail=err.detail,
            temporary=err.retryable,
        )  # fmt: skip
    except OSError as err:
        detail = f"The file cannot be read: {err.strerror}."
        return Result(source.name, source.folder, model, error="unreadable", detail=detail, temporary=True)
    return Result(
        source.name,
        source.folder,
        model,
        tuple(one.label for one in response.predictions),
        tuple(one.score for one in response.predictions),
        response.timings.total,
        response.version,
        response.request_id,
    )


def passes(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if not isinstance(error, GatewayError) or (error.retry_after or 0) > MAX_RETRY_AFTER:
        return False
    return error.status in PASSING or error.code == "unreachable"


def gives_up(state: RetryCallState) -> bool:
    """Whether the error of the last attempt is final."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, GatewayError) and error.status == OVERLOADED:
        return (state.seconds_since_start or 0.0) > OVERLOAD_SECONDS
    return state.attempt_number >= ATTEMPTS


def seconds_to_wait(state: RetryCallState) -> float:
    """The service's Retry-After, or longer with each attempt."""
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_after if isinstance(error, GatewayError) else None
    return max(told or 0.0, BACKOFF(state))
