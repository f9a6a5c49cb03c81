"""One visitor's predictions: each (model, image) is a job, sent at most once, in the background.

Threads write the jobs and the page reads them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from frontend.api.client import PredictResponse
from frontend.api.errors import GatewayError
from frontend.images.image import Image

State = Literal["queued", "waking", "running", "done", "failed", "cancelled"]
PENDING: frozenset[State] = frozenset({"queued", "waking", "running"})
# One visitor's concurrent requests per model. Each model has its own queue, so one that is starting delays no other.
CONCURRENCY = 4
# How often to retry a request that was refused with Retry-After, and the longest Retry-After to respect (s).
MAX_RETRIES = 4
MAX_RETRY_AFTER = 10.0
# After this long (s) without a poll, the visitor is assumed gone and queued jobs are paused.
VISITOR_TIMEOUT = 90.0


@dataclass(frozen=True)
class Job:
    """One prediction. `wake_seconds` is how long it waited for the model to start; times are time.monotonic."""

    model: str
    image: str
    state: State = "queued"
    response: PredictResponse | None = None
    error: GatewayError | None = None
    wake_seconds: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    retries: int = 0

    @property
    def pending(self) -> bool:
        return self.state in PENDING


Key = tuple[str, str]


class JobStore:
    """The jobs of one visitor.

    `predict(model, image)` sends the request; `wake(model)` is a future that completes when the model is ready.
    """

    def __init__(
        self,
        predict: Callable[[str, Image], PredictResponse],
        wake: Callable[[str], Future[float]],
        executor: Executor,
        *,
        visitor_timeout: float = VISITOR_TIMEOUT,
    ) -> None:
        self._predict = predict
        self._wake = wake
        self._executor = executor
        self._visitor_timeout = visitor_timeout
        self._changed = threading.Condition()
        self._version = 0
        self._jobs: dict[Key, Job] = {}
        self._images: dict[Key, Image] = {}
        self._queues: defaultdict[str, deque[Key]] = defaultdict(deque)
        self._running: Counter[str] = Counter()
        self._polled_at = time.monotonic()

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    def submit(self, images: Iterable[Image], models: Iterable[str]) -> None:
        """Queue a job for every image and model that has none yet."""
        names = list(models)
        with self._changed:
            for image in images:
                for model in names:
                    key = (model, image.id)
                    if key not in self._jobs:
                        self._jobs[key] = Job(*key)
                        self._images[key] = image
                        self._queues[model].append(key)
            self._notify()
        self._start_queued()

    def jobs(self) -> dict[Key, Job]:
        """All jobs. Polling also shows that the visitor is still there."""
        with self._changed:
            self._polled_at = time.monotonic()
            jobs = dict(self._jobs)
        self._start_queued()
        return jobs

    def wait(self, version: int, seconds: float) -> bool:
        """Whether anything has changed since `version`; waits at most `seconds` for a change."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != version, seconds)

    def cancel(self) -> None:
        """Cancel what has not been sent yet. Requests that were sent still complete."""
        with self._changed:
            self._queues.clear()
            for key, job in self._jobs.items():
                if job.state in {"queued", "waking"}:
                    self._jobs[key] = replace(job, state="cancelled")
            self._notify()

    def retry(self, models: Iterable[str] | None = None) -> None:
        """Queue the cancelled jobs again, and the failed ones that may succeed now: those of `models`, or all."""
        names = None if models is None else set(models)
        with self._changed:
            for key, job in self._jobs.items():
                again = job.state == "cancelled" or (job.state == "failed" and (not job.error or job.error.retryable))
                if again and (names is None or job.model in names):
                    self._jobs[key] = Job(*key)
                    self._queues[job.model].append(key)
            self._notify()
        self._start_queued()

    def forget(self, images: Iterable[str]) -> None:
        """Drop the jobs of these images, by id."""
        gone = set(images)
        with self._changed:
            for model, queue in self._queues.items():
                self._queues[model] = deque(key for key in queue if key[1] not in gone)
            for key in [key for key in self._jobs if key[1] in gone]:
                del self._jobs[key]
                del self._images[key]
            self._notify()

    def _start_queued(self) -> None:
        while key := self._next():
            # Outside the lock: a completed future calls back at once.
            self._wake(key[0]).add_done_callback(partial(self._woken, key))

    def _next(self) -> Key | None:
        """Take a job that may start out of its queue."""
        with self._changed:
            if time.monotonic() - self._polled_at > self._visitor_timeout:
                return None
            for model, queue in self._queues.items():
                if queue and self._running[model] < CONCURRENCY:
                    key = queue.popleft()
                    self._jobs[key] = replace(self._jobs[key], state="waking")
                    self._running[model] += 1
                    self._notify()
                    return key
        return None

    def _woken(self, key: Key, future: Future[float]) -> None:
        error = future.exception()
        if error is not None:
            self._fail_model(key, _as_gateway_error(error))
            return
        with self._changed:
            job = self._jobs.get(key)
            start = job is not None and job.state == "waking"
            if job is not None and start:
                now = time.monotonic()
                self._jobs[key] = replace(job, state="running", wake_seconds=future.result(), started_at=now)
                self._notify()
        if not start:
            self._finish(key)
            return
        try:
            self._executor.submit(self._send, key)
        except RuntimeError:  # the process is stopping
            self._finish(key, state="cancelled")

    def _fail_model(self, key: Key, error: GatewayError) -> None:
        """The model did not start: fail all of its queued jobs, without trying for each."""
        with self._changed:
            self._queues[key[0]].clear()
            for other, job in self._jobs.items():
                if job.model == key[0] and job.state in {"queued", "waking"}:
                    self._jobs[other] = replace(job, state="failed", error=error, ended_at=time.monotonic())
        self._finish(key)

    def _send(self, key: Key) -> None:
        try:
            response = self._predict(key[0], self._images[key])
        except KeyError:  # forgotten meanwhile
            self._finish(key)
        except Exception as err:
            error = _as_gateway_error(err)
            if not self._retry_later(key, error):
                self._finish(key, state="failed", error=error)
        else:
            self._finish(key, state="done", response=response)

    def _retry_later(self, key: Key, error: GatewayError) -> bool:
        """Queue the job again after the service's Retry-After; False if it gave none or it was retried enough."""
        if error.status not in {429, 503} or error.retry_after is None or error.retry_after > MAX_RETRY_AFTER:
            return False
        with self._changed:
            job = self._jobs.get(key)
            if job is None or job.retries >= MAX_RETRIES:
                return False
            self._jobs[key] = replace(job, state="queued", retries=job.retries + 1)
        timer = threading.Timer(error.retry_after, self._requeue, [key])
        timer.daemon = True
        timer.start()
        return True

    def _requeue(self, key: Key) -> None:
        with self._changed:
            self._running[key[0]] -= 1
            queue = self._queues[key[0]]
            if key in self._jobs and self._jobs[key].state == "queued" and key not in queue:
                queue.appendleft(key)
        self._start_queued()

    def _finish(
        self,
        key: Key,
        *,
        state: State | None = None,
        response: PredictResponse | None = None,
        error: GatewayError | None = None,
    ) -> None:
        with self._changed:
            self._running[key[0]] -= 1
            job = self._jobs.get(key)
            if job is not None and state is not None:
                self._jobs[key] = replace(job, state=state, response=response, error=error, ended_at=time.monotonic())
            self._notify()
        self._start_queued()

    def _notify(self) -> None:
        self._version += 1
        self._changed.notify_all()


def _as_gateway_error(error: BaseException) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    return GatewayError("page_failed", "The page failed to send the request. This is a bug in the page.")
