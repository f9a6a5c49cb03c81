"""The process that decodes: it may use so much time and memory, open nothing, and die of a picture."""

from __future__ import annotations

import contextlib
import mmap
import resource
import signal
import socket
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image, MpoImagePlugin, WebPImagePlugin

from services.classifier.decoding.pixels import Pixels
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageTooManyPixels, ImageUnsupported
from services.web.problems import Problem

Decode = Callable[[bytes], Pixels]

# For one picture; the largest that is read takes a third of it.
CPU_SECONDS: Final = 2.0
MEMORY_BYTES: Final = 400 * 2**20

# Pages of address space in use, where the system says.
STATM: Final = Path("/proc/self/statm")

LENGTH: Final = struct.Struct("I")
# A reply is one byte, then the problem's sentence: 0 for pixels, else which of these, counted from 1.
PROBLEMS: Final[tuple[type[Problem], ...]] = (ImageUnsupported, ImageCorrupt, ImageTooManyPixels, ImageTooComplex)
DONE: Final = b"\x00"

# Pillow loads its plug-ins when it first needs them, and where pictures are decoded no file can be opened.
Image.preinit()
PLUGINS: Final = (MpoImagePlugin, WebPImagePlugin)


def decode_for_ever(channel: socket.socket, image: mmap.mmap, pixels: mmap.mmap, decode: Decode) -> None:
    """Decode what the service puts into `image` into `pixels`, until it closes the channel."""
    _limit()
    # What Pillow thinks of a picture is for nobody, and would stand between the lines of the log.
    warnings.simplefilter("ignore")
    # A service that was killed resets the channel instead of closing it.
    with contextlib.suppress(ConnectionError):
        while (length := channel.recv(LENGTH.size)) != b"":
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            reply = _decoded(image[: LENGTH.unpack(length)[0]], pixels, decode)
            signal.setitimer(signal.ITIMER_PROF, 0)
            channel.send(reply)


def _decoded(data: bytes, pixels: mmap.mmap, decode: Decode) -> bytes:
    try:
        found = decode(data)
    except PROBLEMS as problem:
        return bytes([1 + PROBLEMS.index(type(problem))]) + problem.detail.encode()
    except MemoryError:
        return bytes([1 + PROBLEMS.index(ImageTooComplex)]) + b"Decoding the image takes too much memory."
    pixels[: found.nbytes] = found.data.cast("B")
    return DONE


def _limit() -> None:
    """From now on: no more memory than that, no new file or socket, no core dump; SIGPROF ends it when time is up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGPROF, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    limits = {resource.RLIMIT_NOFILE: 0, resource.RLIMIT_CORE: 0}
    with contextlib.suppress(OSError):
        pages = int(STATM.read_bytes().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY_BYTES
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
