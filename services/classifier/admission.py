"""Which requests come in, and when each may use a worker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from services.classifier.problems import QueueTimeout
from services.http.problems import CallerGone, Overloaded

BUSY: Final = "The service has as many requests as it can answer; try again in a moment."
# Of the latest request, in the moving average of the seconds that one takes.
WEIGHT: Final = 0.1


class Admission:
    """Admits `concurrency` requests at once, of which `workers` are predicted at a time, in order of arrival.

    At most half of them may be fetching an image: other people's servers can be slow.
    """

    def __init__(self, concurrency: int, workers: int) -> None:
        self._requests = _Slots(concurrency)
        self._fetches = _Slots(max(1, concurrency // 2))
        self._free = self._workers = workers
        self._queue: deque[asyncio.Future[bool]] = deque()
        self._work_seconds = 0.0

    def request(self) -> AbstractContextManager[None]:
        """A slot for a request; raises Overloaded at once when all are taken."""
        return self._requests.taken()

    def fetch(self) -> AbstractContextManager[None]:
        """A slot for fetching an image; raises Overloaded at once when all are taken."""
        return self._fetches.taken()

    @asynccontextmanager
    async def worker(self, until: float, gone: Callable[[], bool]) -> AsyncIterator[float]:
        """The use of a worker; gives the seconds spent in the queue. `until` is by the loop's clock.

        Raises Overloaded at once where `until` would pass in the queue, QueueTimeout where it did, and CallerGone
        where the caller has left.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        queued = not self._free
        if queued:
            await self._wait(asked, until)
        else:
            self._free -= 1
        began = loop.time()
        try:
            # A caller that sends no more may still read; only one that was queued is taken to have left.
            if queued and gone():
                raise CallerGone("The caller has gone.")
            yield began - asked
        finally:
            worked = loop.time() - began
            self._work_seconds += (WEIGHT if self._work_seconds else 1) * (worked - self._work_seconds)
            self._release()

    async def _wait(self, now: float, until: float) -> None:
        rounds = len(self._queue) // self._workers + 2
        if now + rounds * self._work_seconds > until:
            raise Overloaded(BUSY)
        loop = asyncio.get_running_loop()
        # Its result: whether a worker is free, or the time is over.
        turn: asyncio.Future[bool] = loop.create_future()
        timeout = loop.call_at(until, _settle, turn, False)
        self._queue.append(turn)
        try:
            if not await turn:
                self._queue.remove(turn)
                raise QueueTimeout("The service could not answer this request before its deadline.")
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            else:
                self._release()
            raise
        finally:
            timeout.cancel()

    def _release(self) -> None:
        """Give the worker to the next in the queue."""
        # Those whose time is over leave the queue themselves.
        if turn := next((turn for turn in self._queue if not turn.done()), None):
            self._queue.remove(turn)
            turn.set_result(True)
        else:
            self._free += 1


class _Slots:
    """A number of slots."""

    def __init__(self, number: int) -> None:
        self._free = number

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


def _settle(turn: asyncio.Future[bool], result: bool) -> None:
    if not turn.done():
        turn.set_result(result)
