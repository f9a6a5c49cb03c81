"""A process that answers: it may use so much time and memory, open nothing, and die of a picture."""

from __future__ import annotations

import contextlib
import mmap
import resource
import signal
import socket
import warnings
from pathlib import Path
from typing import Final

from PIL import Image, MpoImagePlugin, WebPImagePlugin

from services.classifier.answer import Answering
from services.classifier.decoding.pixels import Pixels
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Decode
from services.classifier.problems import ImageCorrupt, ImageTooComplex
from services.classifier.processes.messages import ANSWER, BUG, CPU_SECONDS, DONE, FIRST_PROBLEM, PROBLEMS, REQUEST
from services.web.logs import place_of
from services.web.problems import Problem

# For one picture, beyond what the process has from its start.
MEMORY_BYTES: Final = 400 * 2**20

# Pages of address space in use, where the system says.
STATM: Final = Path("/proc/self/statm")

# Pillow loads its plug-ins when it first needs them, and here no file can be opened then.
Image.preinit()
PLUGINS: Final = (MpoImagePlugin, WebPImagePlugin)


def limited(decode: Decode) -> Decode:
    """The same, but it ends the process when it has computed for too long, and fails only with a Problem."""

    def decoded(image: bytes) -> Pixels:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            return decode(image)
        except Problem:
            raise
        except MemoryError as err:
            raise ImageTooComplex("Decoding the image takes too much memory.") from err
        except Exception as err:
            raise ImageCorrupt("The image cannot be decoded.") from err
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    return decoded


def answer_for_ever(channel: socket.socket, memory: mmap.mmap, ask: Answering) -> None:
    """Answer for the pictures that the service puts into `memory`, and put the answers there, until it hangs up."""
    _limit()
    # What Pillow thinks of a picture is for nobody, and would stand between the lines of the log.
    warnings.simplefilter("ignore")
    # A service that was killed resets the channel instead of closing it.
    with contextlib.suppress(ConnectionError):
        while (request := channel.recv(REQUEST.size)) != b"":
            channel.send(_reply(request, memory, ask))


def _reply(request: bytes, memory: mmap.mmap, ask: Answering) -> bytes:
    length, top_k, function = REQUEST.unpack(request)
    try:
        answer = ask(memory[:length], Parameters(top_k, FUNCTIONS[function]))
    except PROBLEMS as problem:
        return bytes([FIRST_PROBLEM + PROBLEMS.index(type(problem))]) + problem.detail.encode()
    except Exception as err:
        return bytes([BUG]) + f"{type(err).__name__} {place_of(err.__traceback__)}".encode()
    memory[: len(answer.body)] = answer.body
    return bytes([DONE]) + ANSWER.pack(len(answer.body), answer.decode, answer.infer)


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
