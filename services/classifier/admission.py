"""Who may come in, and whose turn it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from services.classifier.problems import CallerGone, QueueTimeout
from services.web.faults import Overloaded
from services.web.loop import Future, Loop

BUSY: Final = "The service has as many requests as it can answer; try again in a moment."
# How much the last request counts in the mean of how long one works.
WEIGHT: Final = 0.1
# While there is no place, requests are refused in batches: each by itself would find the processor's caches full of the
# model, and push the model out of them. At five times the load, that is 7 % of what is answered.
BATCH_SECONDS: Final = 0.01


class Admission:
    """Lets `concurrency` requests in at once and `turns` of them work at a time, in the order they came.

    Half of the places, at most, go to requests whose image must be fetched: strangers' servers can be slow.
    """

    def __init__(self, loop: Loop, concurrency: int, turns: int) -> None:
        self._loop = loop
        self._places = _Places(concurrency)
        self._fetches = _Places(max(1, concurrency // 2))
        self._free = self._turns = turns
        self._line: deque[Future[None]] = deque()
        self._work_seconds = 0.0

    def place(self) -> AbstractContextManager[None]:
        """A place inside; raises Overloaded at once when all are taken."""
        if self._places.full:
            self._loop.let_callers_wait(BATCH_SECONDS)
        return self._places.taken()

    def fetch(self) -> AbstractContextManager[None]:
        """Leave to fetch an image; raises Overloaded at once when too many do."""
        return self._fetches.taken()

    @asynccontextmanager
    async def turn(self, until: float, gone: Callable[[], bool]) -> AsyncIterator[float]:
        """A turn to work, with the seconds it was waited for.

        Raises Overloaded at once where the turn would come too late for an answer before `until` (monotonic),
        QueueTimeout where it did, and CallerGone where nobody waits for the answer any more.
        """
        asked = time.monotonic()
        waits = not self._free
        if waits:
            await self._wait_in_line(asked, until)
        else:
            self._free -= 1
        began = time.monotonic()
        try:
            # Who has only ended what it sends may still be reading; only one that had to wait is taken to have left.
            if waits and gone():
                raise CallerGone("The caller has gone.")
            yield began - asked
        finally:
            self._pass_on(time.monotonic() - began)

    async def _wait_in_line(self, now: float, until: float) -> None:
        rounds = len(self._line) // self._turns + 2
        if now + rounds * self._work_seconds > until:
            raise Overloaded(BUSY)
        ticket = self._loop.future(until)
        self._line.append(ticket)
        try:
            await ticket
        except TimeoutError as err:
            self._line.remove(ticket)
            raise QueueTimeout("The service could not answer this request before its deadline.") from err

    def _pass_on(self, worked: float) -> None:
        self._work_seconds += (WEIGHT if self._work_seconds else 1) * (worked - self._work_seconds)
        # Those whose time is over are about to leave the line by themselves.
        in_time = (ticket for ticket in self._line if not ticket.done)
        if ticket := next(in_time, None):
            self._line.remove(ticket)
            ticket.set_result(None)
        else:
            self._free += 1


class _Places:
    """So many may be taken at a time."""

    def __init__(self, number: int) -> None:
        self._free = number

    @property
    def full(self) -> bool:
        return self._free == 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of them; raises Overloaded at once where there is none."""
        if not self._free:
            raise Overloaded(BUSY)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
