"""One visitor's questions: every (model, picture) asked at most once, in the background, and kept with its answer.

Nothing here knows of Streamlit: threads write, the page reads.
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

from frontend.api.client import Answer, GatewayError
from frontend.images.image import Picture

State = Literal["waiting", "waking", "asking", "done", "failed", "cancelled"]
PENDING: frozenset[State] = frozenset({"waiting", "waking", "asking"})
# Questions of one visitor to one model under way at once. The others wait here, not in line before other visitors; and
# each model has a line of its own, so that one which sleeps holds up no other.
AT_ONCE = 4
# A service that refuses because it is busy says when to come back; after this many refusals it is an error.
REFUSALS = 4
LONGEST_PAUSE = 10.0
# A visitor whose page has not looked for so long has left: what was not asked yet stays unasked until the next look.
ABSENCE = 90.0


@dataclass(frozen=True)
class Job:
    """One question. `woke` is how many seconds the model took to wake for it."""

    model: str
    picture: str
    state: State = "waiting"
    answer: Answer | None = None
    error: GatewayError | None = None
    woke: float = 0.0
    asked_at: float = 0.0
    ended_at: float = 0.0
    refusals: int = 0

    @property
    def pending(self) -> bool:
        return self.state in PENDING


Key = tuple[str, str]


class JobStore:
    """The questions of one visitor.

    `ask(model, picture)` is the request itself; `awake(model)` is a future that is done once the model can be asked.
    """

    def __init__(
        self,
        ask: Callable[[str, Picture], Answer],
        awake: Callable[[str], Future[float]],
        executor: Executor,
        *,
        at_once: int = AT_ONCE,
        absence: float = ABSENCE,
    ) -> None:
        self._ask = ask
        self._awake = awake
        self._executor = executor
        self._at_once = at_once
        self._absence = absence
        self._changed = threading.Condition()
        self._version = 0
        self._jobs: dict[Key, Job] = {}
        self._pictures: dict[Key, Picture] = {}
        self._lines: defaultdict[str, deque[Key]] = defaultdict(deque)
        self._under_way: Counter[str] = Counter()
        self._looked_at = time.monotonic()

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    def submit(self, pictures: Iterable[Picture], models: Iterable[str]) -> None:
        """Asks each model about each picture, picture by picture; what was ever asked is not asked again."""
        names = list(models)
        with self._changed:
            for picture in pictures:
                for model in names:
                    key = (model, picture.id)
                    if key not in self._jobs:
                        self._jobs[key] = Job(*key)
                        self._pictures[key] = picture
                        self._lines[model].append(key)
            self._touch()
        self._pump()

    def jobs(self) -> dict[Key, Job]:
        """Every job as it is now; looking also tells that the visitor is still there."""
        with self._changed:
            self._looked_at = time.monotonic()
            jobs = dict(self._jobs)
        self._pump()
        return jobs

    def wait(self, version: int, seconds: float) -> bool:
        """Returns at once when anything has changed since `version`, else after `seconds`; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version != version, seconds)

    def cancel(self) -> None:
        """Nothing more is asked; what is under way still arrives."""
        with self._changed:
            self._lines.clear()
            for key, job in self._jobs.items():
                if job.state in {"waiting", "waking"}:
                    self._jobs[key] = replace(job, state="cancelled")
            self._touch()

    def again(self, models: Iterable[str] | None = None) -> None:
        """Resumes what was cancelled, and asks once more what failed, of these models or of all."""
        names = None if models is None else set(models)
        with self._changed:
            for key, job in self._jobs.items():
                if job.state in {"cancelled", "failed"} and (names is None or job.model in names):
                    self._jobs[key] = Job(*key)
                    self._lines[job.model].append(key)
            self._touch()
        self._pump()

    def forget(self, pictures: Iterable[str]) -> None:
        """Drops the questions about these pictures and their answers."""
        gone = set(pictures)
        with self._changed:
            for model, line in self._lines.items():
                self._lines[model] = deque(key for key in line if key[1] not in gone)
            for key in [key for key in self._jobs if key[1] in gone]:
                del self._jobs[key]
                del self._pictures[key]
            self._touch()

    def _pump(self) -> None:
        """Starts as many of the waiting jobs as may be under way."""
        while key := self._next():
            # Not within the lock: a future that is done already calls back at once.
            self._awake(key[0]).add_done_callback(partial(self._awoken, key))

    def _next(self) -> Key | None:
        """Takes the next job that may start out of its line."""
        with self._changed:
            if time.monotonic() - self._looked_at > self._absence:
                return None
            for model, line in self._lines.items():
                if line and self._under_way[model] < self._at_once:
                    key = line.popleft()
                    self._jobs[key] = replace(self._jobs[key], state="waking")
                    self._under_way[model] += 1
                    self._touch()
                    return key
        return None

    def _awoken(self, key: Key, future: Future[float]) -> None:
        error = future.exception()
        if error is not None:
            self._give_up(key, _as_gateway_error(error))
            return
        with self._changed:
            job = self._jobs.get(key)
            start = job is not None and job.state == "waking"
            if job is not None and start:
                self._jobs[key] = replace(job, state="asking", woke=future.result(), asked_at=time.monotonic())
                self._touch()
        if not start:
            self._finish(key)
            return
        try:
            self._executor.submit(self._send, key)
        except RuntimeError:  # the process is stopping
            self._finish(key, state="cancelled")

    def _give_up(self, key: Key, error: GatewayError) -> None:
        """The model does not wake: nobody else in its line needs to find that out alone."""
        with self._changed:
            self._lines[key[0]].clear()
            for other, job in self._jobs.items():
                if job.model == key[0] and job.state in {"waiting", "waking"}:
                    self._jobs[other] = replace(job, state="failed", error=error, ended_at=time.monotonic())
        self._finish(key)

    def _send(self, key: Key) -> None:
        try:
            answer = self._ask(key[0], self._pictures[key])
        except KeyError:  # forgotten meanwhile
            self._finish(key)
        except Exception as err:
            error = _as_gateway_error(err)
            if not self._postpone(key, error):
                self._finish(key, state="failed", error=error)
        else:
            self._finish(key, state="done", answer=answer)

    def _postpone(self, key: Key, error: GatewayError) -> bool:
        """Whether the question goes back into the line: the service did not take it, and says when it will."""
        if error.status not in {429, 503} or error.retry_after is None or error.retry_after > LONGEST_PAUSE:
            return False
        with self._changed:
            job = self._jobs.get(key)
            if job is None or job.refusals >= REFUSALS:
                return False
            self._jobs[key] = replace(job, state="waiting", refusals=job.refusals + 1)
        timer = threading.Timer(error.retry_after, self._back_in_line, [key])
        timer.daemon = True
        timer.start()
        return True

    def _back_in_line(self, key: Key) -> None:
        with self._changed:
            self._under_way[key[0]] -= 1
            line = self._lines[key[0]]
            if key in self._jobs and self._jobs[key].state == "waiting" and key not in line:
                line.appendleft(key)
        self._pump()

    def _finish(
        self, key: Key, *, state: State | None = None, answer: Answer | None = None, error: GatewayError | None = None
    ) -> None:
        with self._changed:
            self._under_way[key[0]] -= 1
            job = self._jobs.get(key)
            if job is not None and state is not None and job.state != "cancelled":
                self._jobs[key] = replace(job, state=state, answer=answer, error=error, ended_at=time.monotonic())
            self._touch()
        self._pump()

    def _touch(self) -> None:
        self._version += 1
        self._changed.notify_all()


def _as_gateway_error(error: BaseException) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    return GatewayError("page_failed", "The page itself failed to ask; this is a fault of the page.")
