"""The code of a worker, which restricts itself before it reads an image.

It has limits on CPU time and memory, no files but its channel and memory, and few system calls (seccomp.py).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Final

from PIL import Image

from services.classifier.decoding.resize import Pixels
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Decode
from services.classifier.prediction import Predict
from services.classifier.problems import ImageCorrupt, ImageTooComplex
from services.classifier.workers import seccomp
from services.classifier.workers.messages import (
    BUG,
    CPU_SECONDS,
    DONE,
    FIRST_PROBLEM,
    MISSING,
    PREDICTION,
    PROBLEMS,
    REQUEST,
)
from services.location import location_of
from services.problems import Problem

# Limit on memory for one image, in addition to what the process has when it starts.
MEMORY_BYTES: Final = 400 * 2**20

# Its first number is the size of the address space in pages (Linux).
STATM: Final = Path("/proc/self/statm")

# Load Pillow's plug-ins now; a worker cannot open files later.
Image.preinit()


def limited(decode: Decode) -> Decode:
    """`decode` with a limit on CPU time, which ends the process; raises only Problems and ImportError."""

    def decoded(image: bytes) -> Pixels:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            return decode(image)
        except (Problem, ImportError):
            raise
        except MemoryError as err:
            raise ImageTooComplex("Decoding the image needs too much memory.") from err
        except Exception as err:
            raise ImageCorrupt("The image cannot be decoded.") from err
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    return decoded


def serve(channel: socket.socket, memory: mmap.mmap, predict: Predict, *, restrict: bool) -> None:
    """Predict images from `memory`, and write the predictions to it, until `channel` is closed.

    `restrict`: whether the kernel supports seccomp filters.
    """
    # Pillow would print warnings about images.
    warnings.simplefilter("ignore")
    # An import raises ImportError, without looking for files.
    sys.meta_path.clear()
    _close_standard_streams()
    _limit()
    if restrict:
        seccomp.restrict()
    # If the service was killed, the channel is reset instead of closed.
    with contextlib.suppress(ConnectionError):
        while (request := channel.recv(REQUEST.size)) != b"":
            channel.send(_reply(request, memory, predict))


def _reply(request: bytes, memory: mmap.mmap, predict: Predict) -> bytes:
    length, top_k, function = REQUEST.unpack(request)
    try:
        prediction = predict(memory[:length], Parameters(top_k, FUNCTIONS[function]))
    except PROBLEMS as problem:
        return bytes([FIRST_PROBLEM + PROBLEMS.index(type(problem))]) + problem.detail.encode()
    except ImportError:
        return bytes([MISSING])
    except Exception as err:
        return bytes([BUG]) + f"{type(err).__name__} {location_of(err.__traceback__)}".encode()
    memory[: len(prediction.body)] = prediction.body
    return bytes([DONE]) + PREDICTION.pack(len(prediction.body), prediction.decode, prediction.infer)


def _close_standard_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)


def _limit() -> None:
    """Allow MEMORY_BYTES more memory and no new file descriptor or core dump; let SIGPROF end the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGPROF, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    limits = {resource.RLIMIT_NOFILE: 0, resource.RLIMIT_CORE: 0}
    with contextlib.suppress(OSError):
        pages = int(STATM.read_bytes().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY_BYTES
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
