"""Which models are awake, as far as the page knows, and how long they take to wake. Durations only, for everybody."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from frontend.api.client import GatewayError

# A service that was awake a moment ago still is: Cloud Run keeps an idle instance for minutes.
FRESH = 240.0
# A service that says itself that it is loading gets the time a cold start may take; a gateway that finds nobody behind
# a route gets less: then the service is most likely down.
LOADING_PATIENCE = 90.0
ABSENT_PATIENCE = 4.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0


@dataclass(frozen=True)
class Wake:
    """What is known of one model. `since` is when (time.monotonic) it began to wake, or was last seen awake."""

    state: Literal["unknown", "waking", "awake", "failed"]
    since: float = 0.0
    error: GatewayError | None = None


class Wakes:
    """Wakes each model at most once at a time, whoever asks.

    `ready` asks a model whether it is ready (seconds or minutes: it wakes a sleeping one) and raises GatewayError.
    """

    def __init__(
        self, ready: Callable[[str], float], *, fresh: float = FRESH, patience: float = LOADING_PATIENCE
    ) -> None:
        self._ready = ready
        self._fresh = fresh
        self._patience = patience
        self._lock = threading.Lock()
        self._known: dict[str, Wake] = {}
        self._under_way: dict[str, Future[float]] = {}
        self._seconds: dict[str, deque[float]] = {}
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="wake")

    def state(self, model: str) -> Wake:
        """What is known of the model now."""
        with self._lock:
            return self._now(model)

    def usual(self, model: str) -> float | None:
        """The seconds it usually takes to wake: the median of what was seen; None if it never was."""
        with self._lock:
            seen = self._seconds.get(model)
            return statistics.median(seen) if seen else None

    def awake(self, model: str) -> Future[float]:
        """Done once the model is awake, with the seconds that took: 0 if it was. Fails with GatewayError."""
        with self._lock:
            if self._now(model).state == "awake":
                done: Future[float] = Future()
                done.set_result(0.0)
                return done
            if model not in self._under_way:
                self._known[model] = Wake("waking", time.monotonic())
                self._under_way[model] = self._threads.submit(self._wake, model)
            return self._under_way[model]

    def seen_awake(self, model: str) -> None:
        """The model has just answered something."""
        with self._lock:
            if model not in self._under_way:
                self._known[model] = Wake("awake", time.monotonic())

    def seen_absent(self, model: str) -> None:
        """The model has just not been there; the next who needs it wakes it first."""
        with self._lock:
            if model not in self._under_way:
                self._known.pop(model, None)

    def _now(self, model: str) -> Wake:
        known = self._known.get(model, Wake("unknown"))
        if known.state == "awake" and time.monotonic() - known.since > self._fresh:
            return Wake("unknown")
        return known

    def _wake(self, model: str) -> float:
        started = time.monotonic()
        try:
            self._until_ready(model, started)
        except BaseException as err:
            error = err if isinstance(err, GatewayError) else None
            self._end(model, Wake("failed", time.monotonic(), error))
            raise
        seconds = time.monotonic() - started
        self._end(model, Wake("awake", time.monotonic()))
        # What is this quick was no cold start, and would make the next one look like a lie.
        if seconds >= 1:
            with self._lock:
                self._seconds.setdefault(model, deque(maxlen=9)).append(seconds)
        return seconds

    def _until_ready(self, model: str, started: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                self._ready(model)
            except GatewayError as err:
                patience = _patience(err, self._patience)
                if time.monotonic() + pause - started > patience:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    def _end(self, model: str, known: Wake) -> None:
        with self._lock:
            self._known[model] = known
            self._under_way.pop(model, None)


def _patience(error: GatewayError, loading: float) -> float:
    """How many seconds after the first question an error like this one is still no verdict."""
    if error.status == 503 and not error.code.startswith("http_"):
        return loading
    return ABSENT_PATIENCE if error.status in {502, 503, 504} else 0.0
