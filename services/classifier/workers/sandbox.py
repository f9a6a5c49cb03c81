"""A worker: it may use a bounded amount of time and memory, opens no file or socket, and may die of an image."""

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

from services.classifier.decoding.pixels import Pixels
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Decode
from services.classifier.prediction import Predict
from services.classifier.problems import ImageCorrupt, ImageTooComplex
from services.classifier.workers.protocol import BUG, CPU_SECONDS, DONE, FIRST_PROBLEM, PREDICTION, PROBLEMS, REQUEST
from services.http.problems import Problem
from services.logs import place_of

# For one image, beyond what the process has when it starts.
MEMORY_BYTES: Final = 400 * 2**20

# Pages of address space in use (Linux).
STATM: Final = Path("/proc/self/statm")

# Pillow loads its plug-ins when it first needs them, when a worker can no longer open files.
Image.preinit()
PLUGINS: Final = (MpoImagePlugin, WebPImagePlugin)


def limited(decode: Decode) -> Decode:
    """`decode` with a limit on processor time, after which the process ends; raises nothing but Problems."""

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


def serve(channel: socket.socket, memory: mmap.mmap, predict: Predict) -> None:
    """Predict the images that the service puts into `memory`, and put the predictions there, until it hangs up."""
    _limit()
    # Pillow's warnings about an image would land between the lines of the log.
    warnings.simplefilter("ignore")
    # A service that was killed resets the channel instead of closing it.
    with contextlib.suppress(ConnectionError):
        while (request := channel.recv(REQUEST.size)) != b"":
            channel.send(_reply(request, memory, predict))


def _reply(request: bytes, memory: mmap.mmap, predict: Predict) -> bytes:
    length, top_k, function = REQUEST.unpack(request)
    try:
        prediction = predict(memory[:length], Parameters(top_k, FUNCTIONS[function]))
    except PROBLEMS as problem:
        return bytes([FIRST_PROBLEM + PROBLEMS.index(type(problem))]) + problem.detail.encode()
    except Exception as err:
        return bytes([BUG]) + f"{type(err).__name__} {place_of(err.__traceback__)}".encode()
    memory[: len(prediction.body)] = prediction.body
    return bytes([DONE]) + PREDICTION.pack(len(prediction.body), prediction.decode, prediction.infer)


def _limit() -> None:
    """From now on: MEMORY_BYTES more at most, no new file or socket, no core dump; SIGPROF ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGPROF, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    limits = {resource.RLIMIT_NOFILE: 0, resource.RLIMIT_CORE: 0}
    with contextlib.suppress(OSError):
        pages = int(STATM.read_bytes().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY_BYTES
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
