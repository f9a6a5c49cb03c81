"""The service's side of its processes: a few, each replaced when a picture kills it."""

from __future__ import annotations

import logging
import mmap
import os
import selectors
import socket
import time
from collections.abc import Callable
from typing import Final

from services.classifier.answer import Answer
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.problems import ImageCorrupt, NotReady
from services.classifier.processes.fork_server import ForkServer, NoChild
from services.classifier.processes.messages import (
    ANSWER,
    BUG,
    CPU_SECONDS,
    DONE,
    FIRST_PROBLEM,
    LONGEST_REPLY,
    PROBLEMS,
    REQUEST,
)
from services.web.loop import Future, Loop
from services.web.problems import InternalError

log = logging.getLogger(__name__)

# The kernel ends a process that computes too long; this is for one that hangs, or gets no processor.
PATIENCE_SECONDS: Final = 15 * CPU_SECONDS


class _Child:
    """One process, and the memory that it shares with this one."""

    def __init__(self, loop: Loop, channel: socket.socket, memory: mmap.mmap) -> None:
        self._loop, self._channel, self._memory = loop, channel, memory
        self._reply: Future[bytes] = loop.future()
        channel.setblocking(False)
        loop.watch(channel, selectors.EVENT_READ, self._heard)

    def takes(self, image: bytes, parameters: Parameters) -> bool:
        """Whether it is alive, and so has the picture now."""
        try:
            self._memory[: len(image)] = image
            self._channel.send(REQUEST.pack(len(image), parameters.top_k, FUNCTIONS.index(parameters.function)))
        except (OSError, ValueError):
            return False
        return True

    async def reply(self, until: float) -> bytes:
        """What it says; nothing if it died, or hangs."""
        self._reply = self._loop.future(until)
        try:
            return await self._reply
        except TimeoutError:
            return b""

    def answer(self, reply: bytes) -> Answer:
        """What it has put into its memory; raises what the reply says instead."""
        if reply[0] == DONE:
            length, decode, infer = ANSWER.unpack(reply[1:])
            return Answer(self._memory[:length], decode, infer)
        said = reply[1:].decode()
        if reply[0] == BUG:
            kind, _, place = said.partition(" ")
            log.error("unforeseen error", extra={"kind": kind, "place": place})
            raise InternalError("The service failed on this request; it is not your fault.")
        raise PROBLEMS[reply[0] - FIRST_PROBLEM](said)

    def close(self) -> None:
        self._loop.watch(self._channel, 0, self._heard)
        self._channel.close()
        self._memory.close()

    def _heard(self, _events: int) -> None:
        if self._channel.fileno() < 0:
            # Closed by what came just before.
            return
        try:
            reply = self._channel.recv(LONGEST_REPLY)
        except BlockingIOError:
            return
        except OSError:
            reply = b""
        if not reply:
            # It is dead, which is seen again when it is to take a picture.
            self._loop.watch(self._channel, 0, self._heard)
        self._reply.set_result(reply)


class Pool:
    """Answers in other processes."""

    def __init__(
        self, loop: Loop, fork_server: ForkServer, processes: int, largest_image: int, lost: Callable[[], None]
    ) -> None:
        """Wait until the network is loaded; raises ArtifactError where it cannot be.

        `largest_image` in bytes; `lost` is called when no process can be had any more.
        """
        self.loop, self._fork_server, self._lost = loop, fork_server, lost
        self._memory = max(largest_image, fork_server.wait_until_loaded())
        # Of large pictures, each may have to wait for all others.
        self._patience = PATIENCE_SECONDS + processes * CPU_SECONDS
        # The last one to become idle is the first to go on: what it needs is still in the processor's caches.
        self._idle = [self._new_child() for _ in range(processes)]

    async def answer(self, image: bytes, parameters: Parameters) -> Answer:
        """For as many callers at once as there are processes.

        Raises the picture's Problem, which is ImageCorrupt if it kills a process.
        """
        child = self._idle.pop()
        try:
            if not child.takes(image, parameters):
                # It had died while it was idle, which is not this picture's fault.
                child = self._replaced(child)
                child.takes(image, parameters)
            if reply := await child.reply(time.monotonic() + self._patience):
                return child.answer(reply)
            child = self._replaced(child)
            raise ImageCorrupt("The image cannot be decoded.")
        finally:
            self._idle.append(child)

    def close(self) -> None:
        """End all processes."""
        while self._idle:
            self._idle.pop().close()

    def _replaced(self, dead: _Child) -> _Child:
        try:
            child = self._new_child()
        except NoChild as err:
            self._lost()
            raise NotReady("The service is being started again.") from err
        dead.close()
        return child

    def _new_child(self) -> _Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("image")
        try:
            os.ftruncate(memory, self._memory)
            self._fork_server.new_child(theirs, memory)
        except NoChild:
            ours.close()
            raise
        else:
            return _Child(self.loop, ours, mmap.mmap(memory, 0))
        finally:
            theirs.close()
            os.close(memory)
