"""The process that loads the network once and forks the workers.

The workers share its memory, and a new one takes milliseconds. OpenVINO's own threads do not survive the fork; with
ONE_PROCESSOR, an inference needs none of them.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import socket
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final, NoReturn

from services.artifact import ArtifactError
from services.classifier.workers.memory import release_file_pages
from services.classifier.workers.seccomp import end_with_parent
from services.location import location_of
from services.process import log_fatal

if TYPE_CHECKING:
    from services.classifier.pipeline import Pipeline

# A request, and the number of the worker.
REQUEST: Final = struct.Struct("=cI")
# Requests: wait until the network is loaded; fork a worker, with or without a seccomp filter; kill it; import the
# decoders that later workers will have.
LOADED: Final = b"?"
FORK: Final = b"+"
FORK_UNRESTRICTED: Final = b"*"
END: Final = b"-"
IMPORT: Final = b"i"
# Prefix of the reply to LOADED if loading failed; otherwise the reply is a number.
FAILED: Final = b"!"
MAX_REPLY: Final = 4096
# After this long without a request, the service is assumed to have started.
STARTED_SECONDS: Final = 1.0


class NoWorker(Exception):
    """The fork server has ended, so no worker can be forked; the instance must restart."""


@dataclass(frozen=True)
class ForkServer:
    """The service's handle of the fork server, which ends when all copies of `control` are closed."""

    control: socket.socket
    # Whether workers have a seccomp filter.
    restrict: bool = True
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def open(cls, load: Callable[[], Pipeline]) -> ForkServer:
        """Fork the process, which calls `load`. This process must have a single thread."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            try:
                _serve(theirs, load)
            except ConnectionError:
                # The service was killed.
                os._exit(0)
            except Exception as err:
                log_fatal(
                    f"the process that loads the network: {type(err).__name__} at {location_of(err.__traceback__)}"
                )
            finally:
                os._exit(1)
        theirs.close()
        return cls(ours)

    def wait_until_loaded(self) -> int:
        """The size in bytes of the largest prediction, once the network is loaded; raises ArtifactError."""
        try:
            self.control.send(REQUEST.pack(LOADED, 0))
            reply = self.control.recv(MAX_REPLY)
        except OSError:
            reply = b""
        if not reply.isdigit():
            reason = reply.removeprefix(FAILED).decode()
            raise ArtifactError(reason or "the process that loads the network has died; it may be out of memory")
        return int(reply)

    def fork_worker(self, channel: socket.socket, memory: int) -> int:
        """Fork a worker that serves `channel` and maps the file `memory`; returns its number. Raises NoWorker."""
        number, request = next(self._numbers), FORK if self.restrict else FORK_UNRESTRICTED
        try:
            socket.send_fds(self.control, [REQUEST.pack(request, number)], [channel.fileno(), memory])
        except OSError as err:
            raise NoWorker from err
        return number

    def import_decoders(self) -> None:
        """Import the decoders of rare formats, for the workers that are forked after this."""
        with contextlib.suppress(OSError):
            self.control.send(REQUEST.pack(IMPORT, 0))

    def end_worker(self, number: int) -> None:
        """Kill a worker, which may be dead already, or deaf to the end of its channel."""
        # Without a fork server, the kernel has killed its workers.
        with contextlib.suppress(OSError):
            self.control.send(REQUEST.pack(END, number))


def _serve(control: socket.socket, load: Callable[[], Pipeline]) -> NoReturn:
    # The service handles Ctrl-C and signals for the whole process group.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Python 3.12 and later warn about forking a process with threads.
    warnings.simplefilter("ignore")
    try:
        pipeline = load()
    except ArtifactError as err:
        control.recv(REQUEST.size)
        control.send(FAILED + str(err).encode())
        os._exit(1)
    # Keep the garbage collector from writing to all objects, which would copy the pages that workers share.
    gc.freeze()
    gc.enable()
    control.settimeout(STARTED_SECONDS)
    # A dead worker stays a zombie until the service replaces it, so no other process gets its process id.
    workers: dict[int, int] = {}
    while True:
        try:
            message, files, _, _ = socket.recv_fds(control, REQUEST.size, 2)
        except TimeoutError:
            control.settimeout(None)
            release_file_pages()
            continue
        if not message:
            # The service has ended. The kernel kills the workers with this process.
            os._exit(0)
        request, number = REQUEST.unpack(message)
        if request == LOADED:
            control.send(str(pipeline.max_bytes).encode())
        elif request in (FORK, FORK_UNRESTRICTED):
            if (worker := os.fork()) == 0:
                control.close()
                _be_worker(files, pipeline, request == FORK)
            workers[number] = worker
            for file in files:
                os.close(file)
        elif request == IMPORT:
            from services.classifier.decoding.pixels import rare_sources

            rare_sources()
        elif request == END:
            os.kill(workers[number], signal.SIGKILL)
            os.waitpid(workers.pop(number), 0)


def _be_worker(files: list[int], pipeline: Pipeline, restrict: bool) -> NoReturn:
    from services.classifier.workers.sandbox import serve

    end_with_parent()
    channel, memory = socket.socket(fileno=files[0]), mmap.mmap(files[1], 0)
    os.close(files[1])
    try:
        serve(channel, memory, pipeline.predict, restrict=restrict)
    finally:
        os._exit(0)
