"""A pool of workers whose decoder obeys the image, for tests that call it without asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import faulthandler
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from services.artifact import Receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.parameters import Parameters
from services.classifier.pipeline import Decode, Network, Pipeline
from services.classifier.prediction import Prediction
from services.classifier.problems import ImageUnsupported
from services.classifier.workers.fork_server import ForkServer
from services.classifier.workers.pool import Pool
from services.classifier.workers.sandbox import limited
from tests.services.classifier.workers.attempts import outcome

FIVE = Parameters(top_k=5)


def reply(content: bytes) -> None:
    """Send a reply of our own to the service, from inside the decoder."""
    (channel,) = [
        item
        for item in gc.get_objects()
        if isinstance(item, socket.socket) and item.type == socket.SOCK_SEQPACKET and item.fileno() != -1
    ]
    channel.send(content)


def hostile(decode: Decode, data: bytes) -> Pixels:
    """Decode the image, unless the bytes are one of these words."""
    if data == b"segfault":
        faulthandler.disable()  # the test runner's, which would print its own report
        ctypes.string_at(0)
    if data == b"compute for ever":
        while True:
            pass
    if data == b"take all memory":
        return np.ones((4000, 4000, 100), np.uint8)
    if data == b"stumble":
        raise RuntimeError("a decoder's own words")
    verb, _, words = data.partition(b": ")
    if verb == b"try":
        name, _, path = words.decode().partition(" ")
        raise ImageUnsupported(outcome(name, Path(path)))
    if verb == b"reply":
        reply(words)
        raise ImageUnsupported("This is the second reply.")
    if data == b"process id":
        raise ImageUnsupported(str(os.getpid()))
    if data == b"deaf":
        signal.setitimer(signal.ITIMER_PROF, 0)
        while True:
            pass
    if data == b"the wrong shape":
        return np.zeros((3, 3, 3), np.uint8)
    return decode(data)


class OpenedPool:
    """A pool with its own event loop."""

    def __init__(self, fork_server: ForkServer, max_image: int, lost: Callable[[], None]) -> None:
        self._runner = asyncio.Runner()

        async def open_pool() -> Pool:
            pool = Pool(fork_server, 2, max_image, lost)
            pool.start()
            return pool

        try:
            self._pool = self._runner.run(open_pool())
        except BaseException:
            self._runner.close()
            raise

    def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        return self._runner.run(asyncio.wait_for(self._pool.predict(image, parameters), 60))

    def cancel(self, image: bytes, seconds: float) -> None:
        """Request a prediction, and cancel it after `seconds`."""

        async def give_up() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.predict(image, FIVE), seconds)

        self._runner.run(give_up())

    def pause(self) -> None:
        """Run the event loop for a moment."""
        self._runner.run(asyncio.sleep(0.05))

    def memory(self) -> bytes:
        """What the memory shared with all workers contains."""
        return b"".join(worker._memory[:] for worker in self._pool._idle)

    def close(self) -> None:
        async def close_pool() -> None:
            self._pool.close()

        self._runner.run(close_pool())
        self._runner.close()


@contextlib.contextmanager
def opened_pool(
    folder: Path, receipt: Receipt, lost: Callable[[], None], max_image: int = 1 << 20, *, restrict: bool = True
) -> Iterator[OpenedPool]:
    decode = limited(partial(hostile, partial(decoded_pixels, preprocess=receipt.preprocess)))
    fork_server = ForkServer.open(lambda: Pipeline(decode, Network.load(folder, receipt)))
    pool = OpenedPool(dataclasses.replace(fork_server, restrict=restrict), max_image, lost)
    try:
        yield pool
    finally:
        pool.close()
        fork_server.control.close()


def detail(pool: OpenedPool, image: str) -> str:
    """The detail of the problem that the image causes."""
    with pytest.raises(ImageUnsupported) as caught:
        pool.predict(image.encode(), FIVE)
    return caught.value.detail
