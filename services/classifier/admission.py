"""Admission and queue: which requests are accepted, and when each may use a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from services.classifier.problems import QueueTimeout
from services.problems import CallerGone, Overloaded

BUSY: Final = "The service is overloaded; try again in a moment."
NO_WORKER: Final = "No worker was free before the deadline of this request; try again in a moment."
# Weight of the latest prediction in the moving average of their durations.
WEIGHT: Final = 0.1


class Admission:
    """Admits `concurrency` requests at a time, of which `workers` are predicted at a time, in order of arrival.

    At most half of the admitted requests may be fetching an image, because other servers can be slow.
    """

    def __init__(self, concurrency: int, workers: int) -> None:
        self._requests = _Slots(concurrency)
        self._fetches = _Slots(max(1, concurrency // 2))
        self._workers = workers
        # Wakes those who wait in the order of their arrival.
        self._free = asyncio.Semaphore(workers)
        self._waiting = 0
        self._work_seconds = 0.0

    def request(self) -> AbstractContextManager[None]:
        """A slot for a request; raises Overloaded immediately if none is free."""
        return self._requests.taken()

    def fetch(self) -> AbstractContextManager[None]:
        """A slot for fetching an image; raises Overloaded immediately if none is free."""
        return self._fetches.taken()

    @asynccontextmanager
    async def worker(self, until: float, gone: Callable[[], bool]) -> AsyncIterator[float]:
        """Wait for a worker, and hold it; yields the seconds spent in the queue. `until` is by the loop's clock.

        Raises Overloaded immediately if the request is expected to wait past `until`, QueueTimeout when `until` passes,
        and CallerGone if the caller has disconnected.
        """
        loop = asyncio.get_running_loop()
        queued_at = loop.time()
        queued = self._free.locked()
        if queued:
            await self._wait(queued_at, until)
        else:
            await self._free.acquire()
        began = loop.time()
        try:
            # `gone` is also true of a caller that only closed its sending side, so check it after a wait only.
            if queued and gone():
                raise CallerGone("The caller has disconnected.")
            yield began - queued_at
        finally:
            worked = loop.time() - began
            self._work_seconds += (WEIGHT if self._work_seconds else 1) * (worked - self._work_seconds)
            self._free.release()

    async def _wait(self, now: float, until: float) -> None:
        rounds = self._waiting // self._workers + 2
        if now + rounds * self._work_seconds > until:
            raise Overloaded(BUSY)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError as err:
            raise QueueTimeout(NO_WORKER) from err
        finally:
            self._waiting -= 1


class _Slots:
    """A fixed number of slots."""

    def __init__(self, number: int) -> None:
        self._free = number

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot; raises Overloaded immediately if none is free."""
        if not self._free:
            raise Overloaded(BUSY)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
