"""Who may come in, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from services.classifier.problems import CallerGone, QueueTimeout
from services.web.faults import Overloaded

BUSY: Final = "The service has as many requests as it can answer; try again in a moment."
# How much the last request counts in the mean of how long one works.
WEIGHT: Final = 0.1


class Admission:
    """Lets `concurrency` requests in at once and `turns` of them work at a time, in the order they came.

    Half of the places, at most, go to requests whose image must be fetched: strangers' servers can be slow.
    """

    def __init__(self, concurrency: int, turns: int) -> None:
        self._places = _Places(concurrency)
        self._fetches = _Places(max(1, concurrency // 2))
        self._lock = threading.Lock()
        self._free = self._turns = turns
        self._line: deque[threading.Lock] = deque()
        self._work_seconds = 0.0

    def refused(self) -> Overloaded | None:
        """What to tell who would come in now; None where there is a place. Asked without waiting, from any thread."""
        return Overloaded(BUSY) if self._places.full else None

    def place(self) -> AbstractContextManager[None]:
        """A place inside; raises Overloaded at once when all are taken."""
        return self._places.taken()

    def fetch(self) -> AbstractContextManager[None]:
        """Leave to fetch an image; raises Overloaded at once when too many do."""
        return self._fetches.taken()

    @contextmanager
    def turn(self, until: float, gone: Callable[[], bool]) -> Iterator[float]:
        """A turn to work, with the seconds it was waited for.

        Raises Overloaded at once where the turn would come too late for an answer before `until` (monotonic),
        QueueTimeout where it did, and CallerGone where nobody waits for the answer any more.
        """
        asked = time.monotonic()
        if ticket := self._ticket(asked, until):
            self._await(ticket, until)
        began = time.monotonic()
        try:
            if ticket and gone():
                raise CallerGone("The caller has gone.")
            yield began - asked
        finally:
            self._pass_on(time.monotonic() - began)

    def _ticket(self, asked: float, until: float) -> threading.Lock | None:
        """A place in the line, locked until its turn has come; None for a turn at once."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            rounds = len(self._line) // self._turns + 2
            if asked + rounds * self._work_seconds > until:
                raise Overloaded(BUSY)
            ticket = threading.Lock()
            ticket.acquire()
            self._line.append(ticket)
            return ticket

    def _await(self, ticket: threading.Lock, until: float) -> None:
        if ticket.acquire(timeout=max(0.0, until - time.monotonic())):
            return
        with self._lock:
            if ticket in self._line:
                self._line.remove(ticket)
            else:
                # The turn came in the very moment it was too late.
                self._next()
        raise QueueTimeout("The service could not answer this request before its deadline.")

    def _pass_on(self, worked: float) -> None:
        with self._lock:
            self._work_seconds += (WEIGHT if self._work_seconds else 1) * (worked - self._work_seconds)
            self._next()

    def _next(self) -> None:
        if self._line:
            self._line.popleft().release()
        else:
            self._free += 1


class _Places:
    """So many may be taken at a time."""

    def __init__(self, number: int) -> None:
        self._lock = threading.Lock()
        self._free = number

    @property
    def full(self) -> bool:
        return self._free == 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One of them; raises Overloaded at once where there is none."""
        with self._lock:
            if not self._free:
                raise Overloaded(BUSY)
            self._free -= 1
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
