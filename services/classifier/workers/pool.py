"""The pool of workers: sends images to them, and replaces a worker that an image has killed or taken over."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
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
from services.classifier.workers.messages import (
    CPU_SECONDS,
    MAX_REPLY,
    REQUEST,
    Bug,
    DecoderMissing,
    Done,
    InvalidReply,
    checked_prediction,
    parsed_reply,
)
from services.problems import internal_error

log = logging.getLogger(__name__)

# The kernel ends a worker that uses too much CPU time; this limit is for one that hangs or gets no CPU time.
REPLY_SECONDS: Final = 15 * CPU_SECONDS
# A worker is replaced after this many images, so that one that was taken over unnoticed sees no more of them. Replacing
# each after 250 costs 8 % of the throughput; so only images for Pillow's decoders, all but most JPEGs, count 20 times.
MAX_IMAGES: Final = 5000
PILLOW_IMAGES: Final = 20
JPEG: Final = b"\xff\xd8\xff"


class _Worker:
    """One worker process, and the memory shared with it."""

    def __init__(self, number: int, channel: socket.socket, memory: mmap.mmap, max_prediction: int) -> None:
        self.number, self.images = number, 0
        self._loop = asyncio.get_running_loop()
        self._channel, self._memory, self._max_prediction = channel, memory, max_prediction
        self._reply: asyncio.Future[bytes] | None = None
        self._usable = True
        channel.setblocking(False)
        self._loop.add_reader(channel, self._read)

    async def predict(self, image: bytes, parameters: Parameters, seconds: float) -> Prediction:
        """The prediction; raises the image's Problem, DecoderMissing, _NotSent, or InvalidReply, also if late."""
        self._send(image, parameters)
        self._reply = self._loop.create_future()
        timeout = self._loop.call_later(seconds, self._set_reply, b"")
        try:
            return self._prediction(await self._reply)
        finally:
            timeout.cancel()
            self._reply = None
            # Keep one request's image from the next.
            self._clear(len(image))

    def retire(self) -> None:
        """Send it no more images: it may still reply to the last one, and the next would get that reply."""
        self._usable = False

    def close(self) -> None:
        self._loop.remove_reader(self._channel)
        self._channel.close()
        self._memory.close()

    def _send(self, image: bytes, parameters: Parameters) -> None:
        self.images += 1 if image.startswith(JPEG) else PILLOW_IMAGES
        if not self._usable:
            raise _NotSent
        try:
            self._memory[: len(image)] = image
            self._channel.send(REQUEST.pack(len(image), parameters.top_k, FUNCTIONS.index(parameters.function)))
        except OSError as err:
            raise _NotSent from err

    def _prediction(self, reply: bytes) -> Prediction:
        if not reply:
            raise InvalidReply
        result = parsed_reply(reply, self._max_prediction)
        if isinstance(result, Done):
            body = checked_prediction(self._memory[: result.size])
            self._clear(result.size)
            return Prediction(body, result.decode, result.infer)
        if isinstance(result, Bug):
            log.error("unforeseen error", extra={"kind": result.kind, "place": result.place})
            raise internal_error()
        raise result

    def _clear(self, size: int) -> None:
        """Set the first `size` bytes of the shared memory to zero."""
        self._memory[:size] = bytes(size)

    def _read(self) -> None:
        try:
            reply = self._channel.recv(MAX_REPLY + 1)
        except BlockingIOError:
            return
        except OSError:
            reply = b""
        if not reply or self._reply is None or self._reply.done():
            # The worker is dead, or replies without a request.
            self._usable = False
            self._loop.remove_reader(self._channel)
        self._set_reply(reply)

    def _set_reply(self, reply: bytes) -> None:
        if self._reply and not self._reply.done():
            self._reply.set_result(reply)


class _NotSent(Exception):
    """The worker was dead before it got the image, so the image is not the cause."""


class Pool:
    """Predicts in worker processes."""

    def __init__(self, fork_server: ForkServer, workers: int, max_image: int, lost: Callable[[], None]) -> None:
        """`max_image` in bytes; `lost` is called when the fork server has ended."""
        self._fork_server, self._workers, self._lost = fork_server, workers, lost
        self._memory = max_image
        # Of large images, each may have to wait for all others.
        self._reply_seconds = REPLY_SECONDS + workers * CPU_SECONDS
        self._max_prediction = 0
        # A stack: what the last worker used is still in the processor's caches.
        self._idle: list[_Worker] = []

    def start(self) -> None:
        """Wait until the network is loaded, and fork the workers; call it in a running loop. Raises ArtifactError."""
        self._max_prediction = self._fork_server.wait_until_loaded()
        self._memory = max(self._memory, self._max_prediction)
        self._idle = [self._new_worker() for _ in range(self._workers)]

    async def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        """Predict in a worker; at most as many calls at a time as there are workers.

        Raises the image's Problem, ImageCorrupt if the image killed the worker or took it over.
        """
        worker = self._idle.pop()
        try:
            try:
                return await worker.predict(image, parameters, self._reply_seconds)
            except _NotSent:
                pass
            except DecoderMissing:
                self._fork_server.import_decoders()
            worker = self._replaced(worker)
            return await worker.predict(image, parameters, self._reply_seconds)
        except (InvalidReply, DecoderMissing, _NotSent) as err:
            if breach := str(err):
                log.error("a worker sent an invalid reply", extra={"breach": breach})
            elif isinstance(err, InvalidReply):
                log.warning("a worker died or hung while it had an image", extra={"bytes": len(image)})
            worker.retire()
            worker = self._replaced(worker)
            raise ImageCorrupt("The image cannot be decoded.") from err
        except asyncio.CancelledError:
            worker.retire()
            with contextlib.suppress(NotReady):
                worker = self._replaced(worker)
            raise
        finally:
            if worker.images >= MAX_IMAGES:
                with contextlib.suppress(NotReady):
                    worker = self._replaced(worker)
            self._idle.append(worker)

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            self._idle.pop().close()

    def _replaced(self, worker: _Worker) -> _Worker:
        """A new worker in place of `worker`; raises NotReady and changes nothing if there can be none now."""
        try:
            new = self._new_worker()
        except NoWorker as err:
            self._lost()
            raise NotReady("The service is restarting.") from err
        except OSError as err:
            log.error("no new worker", extra={"kind": errno.errorcode.get(err.errno or 0, "OSError")})
            raise NotReady("The service cannot start a worker; try again in a moment.") from err
        worker.close()
        self._fork_server.end_worker(worker.number)
        return new

    def _new_worker(self) -> _Worker:
        with contextlib.ExitStack() as failed, contextlib.ExitStack() as always:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            failed.callback(ours.close)
            always.callback(theirs.close)
            file = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            always.callback(os.close, file)
            os.ftruncate(file, self._memory)
            # If a worker shortened the file, reading it would kill this process.
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            memory = mmap.mmap(file, 0)
            failed.callback(memory.close)
            number = self._fork_server.fork_worker(theirs, file)
            failed.pop_all()
        return _Worker(number, ours, memory, self._max_prediction)
