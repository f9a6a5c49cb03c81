"""Who may come in, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.classifier.problems import Overloaded


class Admission:
    """Lets `concurrency` requests in at once and `streams` of them work at a time; the others wait, or are refused."""

    def __init__(self, concurrency: int, streams: int) -> None:
        self._places = threading.BoundedSemaphore(concurrency)
        self._turns = threading.BoundedSemaphore(streams)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place inside; raises Overloaded at once when all are taken."""
        if not self._places.acquire(blocking=False):
            raise Overloaded("The service has as many requests as it can answer; try again in a moment.")
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def turn(self, until: float) -> Iterator[float]:
        """A turn to work, with the seconds it was waited for; raises Overloaded when `until` (monotonic) has passed."""
        asked = time.monotonic()
        if not self._turns.acquire(timeout=max(0.0, until - asked)):
            raise Overloaded("The service could not answer this request before its deadline.")
        try:
            yield time.monotonic() - asked
        finally:
            self._turns.release()
