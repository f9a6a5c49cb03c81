"""The service's side of decoding: as many processes as there are processors, each replaced when a picture kills it."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

import numpy as np

from services.classifier.decoding.child import CPU_SECONDS, DONE, LENGTH, PROBLEMS
from services.classifier.decoding.nursery import NoChild, Nursery
from services.classifier.decoding.pixels import Pixels
from services.classifier.problems import ImageCorrupt, NotReady

# The kernel ends a process that computes too long; this is for one that hangs, or gets no processor.
PATIENCE_SECONDS: Final = 15 * CPU_SECONDS
LONGEST_REPLY: Final = 1024


@dataclass(frozen=True)
class _Child:
    channel: socket.socket
    image: mmap.mmap
    pixels: mmap.mmap

    def takes(self, image: bytes) -> bool:
        """Whether it is alive, and so has the picture now."""
        try:
            self.image[: len(image)] = image
            return self.channel.send(LENGTH.pack(len(image))) > 0
        except (OSError, ValueError):
            return False

    def reply(self) -> bytes:
        """What it answers; nothing if it died, or hangs."""
        try:
            return self.channel.recv(LONGEST_REPLY)
        except OSError:
            return b""

    def close(self) -> None:
        self.channel.close()
        self.image.close()
        self.pixels.close()


class DecoderPool:
    """Decodes pictures in other processes; `pixels` may be called from any thread."""

    def __init__(
        self, nursery: Nursery, side: int, processes: int, largest_image: int, lost: Callable[[], None]
    ) -> None:
        """`side` of the square of pixels; `largest_image` in bytes; `lost` is called if no process can be had."""
        self._nursery, self._lost = nursery, lost
        self._shape = (side, side, 3)
        self._largest = largest_image
        # Of large pictures, each may have to wait for all others.
        self._patience = PATIENCE_SECONDS + processes * CPU_SECONDS
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        for _ in range(processes):
            self._idle.put(self._new_child())

    def pixels(self, image: bytes) -> Pixels:
        """uint8 [side, side, 3]; raises the picture's Problem, which is ImageCorrupt if it kills a process."""
        child = self._idle.get()
        try:
            if not child.takes(image):
                # It had died while it was idle, which is not this picture's fault.
                child = self._replaced(child)
                child.takes(image)
            reply = child.reply()
            if reply == DONE:
                return np.frombuffer(child.pixels, np.uint8).reshape(self._shape).copy()
            if reply:
                raise PROBLEMS[reply[0] - 1](reply[1:].decode())
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
        sizes = self._largest, self._shape[0] * self._shape[1] * self._shape[2]
        files = [_memory_file(size) for size in sizes]
        try:
            self._nursery.new_child(theirs, *files)
        except NoChild:
            ours.close()
            raise
        else:
            return _Child(ours, *(mmap.mmap(file, 0) for file in files))
        finally:
            theirs.close()
            for file in files:
                os.close(file)


def _memory_file(size: int) -> int:
    """A file that exists in memory only."""
    file = os.memfd_create("image")
    os.ftruncate(file, size)
    return file
