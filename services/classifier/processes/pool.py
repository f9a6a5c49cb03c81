"""The service's side of its processes: a few, each replaced when a picture kills it."""

from __future__ import annotations

import logging
import mmap
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from queue import LifoQueue
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
from services.web.problems import InternalError

log = logging.getLogger(__name__)

# The kernel ends a process that computes too long; this is for one that hangs, or gets no processor.
PATIENCE_SECONDS: Final = 15 * CPU_SECONDS


@dataclass(frozen=True)
class _Child:
    channel: socket.socket
    memory: mmap.mmap

    def takes(self, image: bytes, parameters: Parameters) -> bool:
        """Whether it is alive, and so has the picture now."""
        try:
            self.memory[: len(image)] = image
            self.channel.send(REQUEST.pack(len(image), parameters.top_k, FUNCTIONS.index(parameters.function)))
        except (OSError, ValueError):
            return False
        return True

    def reply(self) -> bytes:
        """What it says; nothing if it died, or hangs."""
        try:
            return self.channel.recv(LONGEST_REPLY)
        except OSError:
            return b""

    def answer(self, reply: bytes) -> Answer:
        """What it has put into its memory; raises what the reply says instead."""
        if reply[0] == DONE:
            length, decode, infer = ANSWER.unpack(reply[1:])
            return Answer(self.memory[:length], decode, infer)
        said = reply[1:].decode()
        if reply[0] == BUG:
            kind, _, place = said.partition(" ")
            log.error("unforeseen error", extra={"kind": kind, "place": place})
            raise InternalError("The service failed on this request; it is not your fault.")
        raise PROBLEMS[reply[0] - FIRST_PROBLEM](said)

    def close(self) -> None:
        self.channel.close()
        self.memory.close()


class Pool:
    """Answers in other processes; `answer` may be called from any thread."""

    def __init__(self, fork_server: ForkServer, processes: int, largest_image: int, lost: Callable[[], None]) -> None:
        """Wait until the network is loaded; raises ArtifactError where it cannot be.

        `largest_image` in bytes; `lost` is called when no process can be had any more.
        """
        self._fork_server, self._lost = fork_server, lost
        self._memory = max(largest_image, fork_server.wait_until_loaded())
        # Of large pictures, each may have to wait for all others.
        self._patience = PATIENCE_SECONDS + processes * CPU_SECONDS
        # The last one to become idle is the first to go on: what it needs is still in the processor's caches.
        self._idle: LifoQueue[_Child] = LifoQueue()
        for _ in range(processes):
            self._idle.put(self._new_child())

    def answer(self, image: bytes, parameters: Parameters) -> Answer:
        """Raises the picture's Problem, which is ImageCorrupt if it kills a process."""
        child = self._idle.get()
        try:
            if not child.takes(image, parameters):
                # It had died while it was idle, which is not this picture's fault.
                child = self._replaced(child)
                child.takes(image, parameters)
            if reply := child.reply():
                return child.answer(reply)
            child = self._replaced(child)
            raise ImageCorrupt("The image cannot be decoded.")
        finally:
            self._idle.put(child)

    def close(self) -> None:
        """End all processes."""
        while not self._idle.empty():
            self._idle.get().close()

    def _replaced(self, dead: _Child) -> _Child:
        dead.close()
        try:
            return self._new_child()
        except NoChild as err:
            self._lost()
            raise NotReady("The service is being started again.") from err

    def _new_child(self) -> _Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(self._patience)
        memory = os.memfd_create("image")
        try:
            os.ftruncate(memory, self._memory)
            self._fork_server.new_child(theirs, memory)
        except NoChild:
            ours.close()
            raise
        else:
            return _Child(ours, mmap.mmap(memory, 0))
        finally:
            theirs.close()
            os.close(memory)
