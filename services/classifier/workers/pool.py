"""The pool of workers: sends images to them, and replaces a worker that an image has killed."""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import socket
from collections.abc import Callable
from typing import Final

from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.prediction import Prediction
from services.classifier.problems import ImageCorrupt, NotReady
from services.classifier.workers.fork_server import ForkServer, NoWorker
from services.classifier.workers.protocol import (
    BUG,
    CPU_SECONDS,
    DONE,
    FIRST_PROBLEM,
    MAX_REPLY,
    PREDICTION,
    PROBLEMS,
    REQUEST,
)
from services.problems import internal_error

log = logging.getLogger(__name__)

# The kernel ends a worker that uses too much CPU time; this limit is for one that hangs or gets no CPU time.
REPLY_SECONDS: Final = 15 * CPU_SECONDS


class _Worker:
    """One worker process, and the memory shared with it."""

    def __init__(self, channel: socket.socket, memory: mmap.mmap) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel, self._memory = channel, memory
        self._reply: asyncio.Future[bytes] = self._loop.create_future()
        channel.setblocking(False)
        self._loop.add_reader(channel, self._read)

    def send(self, image: bytes, parameters: Parameters) -> bool:
        """Send the image; returns False if the worker is dead."""
        self._reply = self._loop.create_future()
        try:
            self._memory[: len(image)] = image
            self._channel.send(REQUEST.pack(len(image), parameters.top_k, FUNCTIONS.index(parameters.function)))
        except (OSError, ValueError):
            return False
        return True

    async def reply(self, seconds: float) -> bytes:
        """The worker's reply; empty if it died or did not reply within `seconds`."""
        timeout = self._loop.call_later(seconds, self._set_reply, b"")
        try:
            return await self._reply
        finally:
            timeout.cancel()

    def prediction(self, reply: bytes) -> Prediction:
        """The prediction in the shared memory; raises the problem if the reply is one."""
        if reply[0] == DONE:
            length, decode, infer = PREDICTION.unpack(reply[1:])
            return Prediction(self._memory[:length], decode, infer)
        text = reply[1:].decode()
        if reply[0] == BUG:
            kind, _, place = text.partition(" ")
            log.error("unforeseen error", extra={"kind": kind, "place": place})
            raise internal_error()
        raise PROBLEMS[reply[0] - FIRST_PROBLEM](text)

    def close(self) -> None:
        self._loop.remove_reader(self._channel)
        self._channel.close()
        self._memory.close()

    def _read(self) -> None:
        try:
            reply = self._channel.recv(MAX_REPLY)
        except BlockingIOError:
            return
        except OSError:
            reply = b""
        if not reply:
            # The worker is dead; the next `send` will fail.
            self._loop.remove_reader(self._channel)
        self._set_reply(reply)

    def _set_reply(self, reply: bytes) -> None:
        if not self._reply.done():
            self._reply.set_result(reply)


class Pool:
    """Predicts in worker processes."""

    def __init__(self, fork_server: ForkServer, workers: int, max_image: int, lost: Callable[[], None]) -> None:
        """`max_image` in bytes; `lost` is called when no worker can be had any more."""
        self._fork_server, self._workers, self._lost = fork_server, workers, lost
        self._memory = max_image
        # Of large images, each may have to wait for all others.
        self._reply_seconds = REPLY_SECONDS + workers * CPU_SECONDS
        # A stack: what the last worker used is still in the processor's caches.
        self._idle: list[_Worker] = []

    def start(self) -> None:
        """Wait until the network is loaded, and fork the workers; call it in a running loop. Raises ArtifactError."""
        self._memory = max(self._memory, self._fork_server.wait_until_loaded())
        self._idle = [self._new_worker() for _ in range(self._workers)]

    async def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        """Predict in a worker; at most as many calls at a time as there are workers.

        Raises the image's Problem, ImageCorrupt if the image killed the worker.
        """
        worker = self._idle.pop()
        try:
            if not worker.send(image, parameters):
                # The worker died while it was idle, so this image is not the cause.
                worker = self._replaced(worker)
                worker.send(image, parameters)
            if reply := await worker.reply(self._reply_seconds):
                return worker.prediction(reply)
            worker = self._replaced(worker)
            raise ImageCorrupt("The image cannot be decoded.")
        except asyncio.CancelledError:
            # Otherwise the next image would get the reply to this one.
            worker = self._replaced(worker)
            raise
        finally:
            self._idle.append(worker)

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            self._idle.pop().close()

    def _replaced(self, worker: _Worker) -> _Worker:
        try:
            new = self._new_worker()
        except NoWorker as err:
            self._lost()
            raise NotReady("The service is restarting.") from err
        worker.close()
        return new

    def _new_worker(self) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("image")
        try:
            os.ftruncate(memory, self._memory)
            self._fork_server.fork_worker(theirs, memory)
        except NoWorker:
            ours.close()
            raise
        else:
            return _Worker(ours, mmap.mmap(memory, 0))
        finally:
            theirs.close()
            os.close(memory)
