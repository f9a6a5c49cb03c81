"""Which models are ready, and how long their cold starts take. Shared by all visitors."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from frontend.api.errors import GatewayError

# Seconds. Cloud Run keeps an idle instance for minutes, so a recent success still counts.
READY_FOR = 240.0
# How long to retry a service that reports that it is loading …
LOADING_TIMEOUT = 90.0
# … and a route without a reachable service, which is most likely down.
ABSENT_TIMEOUT = 4.0
FIRST_PAUSE = 0.2
MAX_PAUSE = 2.0
# A faster start was not a cold start.
SHORTEST_COLD_START = 1.0


@dataclass(frozen=True)
class ModelState:
    """One model's state; `since` (time.monotonic) is when it began to start, or was last known to be ready."""

    state: Literal["unknown", "waking", "ready", "failed"]
    since: float = 0.0
    error: GatewayError | None = None


class Readiness:
    """Wakes models, each by at most one request at a time.

    `ready(model)` returns once the model is ready, which takes minutes if its service has to start, or raises
    GatewayError. `clock` and `sleep` are those of `time`.
    """

    def __init__(
        self,
        ready: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ready = ready
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._states: dict[str, ModelState] = {}
        self._waking: dict[str, Future[float]] = {}
        self._cold_starts: dict[str, deque[float]] = {}
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="wake")

    def state(self, model: str) -> ModelState:
        """The model's current state."""
        with self._lock:
            return self._current(model)

    def typical_seconds(self, model: str) -> float | None:
        """The median of the model's recent cold starts; None if there were none."""
        with self._lock:
            recent = self._cold_starts.get(model)
            return statistics.median(recent) if recent else None

    def wake(self, model: str) -> Future[float]:
        """A future of the seconds until the model is ready, 0 if it already is; or of a GatewayError."""
        with self._lock:
            if self._current(model).state == "ready":
                done: Future[float] = Future()
                done.set_result(0.0)
                return done
            if model not in self._waking:
                self._states[model] = ModelState("waking", self._clock())
                self._waking[model] = self._threads.submit(self._wake, model)
            return self._waking[model]

    def mark_ready(self, model: str) -> None:
        """Record that the model has just responded."""
        with self._lock:
            if model not in self._waking:
                self._states[model] = ModelState("ready", self._clock())

    def forget(self, model: str) -> None:
        """Forget the model's state, so that the next `wake` sends a request."""
        with self._lock:
            if model not in self._waking:
                self._states.pop(model, None)

    def _current(self, model: str) -> ModelState:
        known = self._states.get(model, ModelState("unknown"))
        if known.state == "ready" and self._clock() - known.since > READY_FOR:
            return ModelState("unknown")
        return known

    def _wake(self, model: str) -> float:
        started = self._clock()
        try:
            self._wait_until_ready(model, started)
        except BaseException as err:
            error = err if isinstance(err, GatewayError) else None
            self._finish(model, ModelState("failed", self._clock(), error))
            raise
        seconds = self._clock() - started
        if seconds >= SHORTEST_COLD_START:
            with self._lock:
                self._cold_starts.setdefault(model, deque(maxlen=9)).append(seconds)
        self._finish(model, ModelState("ready", self._clock()))
        return seconds

    def _wait_until_ready(self, model: str, started: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                self._ready(model)
            except GatewayError as err:
                if self._clock() + pause - started > _retry_seconds(err):
                    raise
                self._sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
            else:
                return

    def _finish(self, model: str, state: ModelState) -> None:
        with self._lock:
            self._states[model] = state
            self._waking.pop(model, None)


def _retry_seconds(error: GatewayError) -> float:
    """For how many seconds after the first request to retry after this error."""
    if error.status == 503 and not error.code.startswith("http_"):
        return LOADING_TIMEOUT
    return ABSENT_TIMEOUT if error.status in {502, 503, 504} else 0.0
