"""The process that loads the network once, and forks those that answer from there.

So they share its memory, a new one is there within milliseconds, and what is forked has a single thread. OpenVINO's own
threads do not survive the fork; with ONE_PROCESSOR, an inference needs none of them.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from services.artifact import ArtifactError
from services.web.logs import log_fatal, place_of
from services.web.memory import let_go_of_code

if TYPE_CHECKING:
    from services.classifier.pipeline import Pipeline

# What it is asked: whether the network is loaded, and for a process.
LOADED: Final = b"?"
WANTED: Final = b"+"
# How an answer to the first begins that is no number.
FAILED: Final = b"!"
LONGEST_ANSWER: Final = 4096
# Asked nothing for so long, it has started.
STARTED_SECONDS: Final = 1.0


class NoChild(Exception):
    """No process can be had that answers; the instance is of no more use."""


@dataclass(frozen=True)
class ForkServer:
    """Asks the forking process, which ends with the last process that holds `control`."""

    control: socket.socket

    @classmethod
    def open(cls, load: Callable[[], Pipeline]) -> ForkServer:
        """Fork the forking process, which loads. Call it while this process has a single thread."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            try:
                _serve(theirs, load)
            except ConnectionError:
                # Whoever was served has been killed.
                os._exit(0)
            except Exception as err:
                log_fatal(f"the process that loads the network: {type(err).__name__} at {place_of(err.__traceback__)}")
            finally:
                os._exit(1)
        theirs.close()
        return cls(ours)

    def wait_until_loaded(self) -> int:
        """Bytes of the largest answer that there can be, once the network is loaded; raises ArtifactError."""
        try:
            self.control.send(LOADED)
            answer = self.control.recv(LONGEST_ANSWER)
        except OSError:
            answer = b""
        if not answer.isdigit():
            reason = answer.removeprefix(FAILED).decode()
            raise ArtifactError(reason or "the process that loads the network has ended; is there enough memory?")
        return int(answer)

    def new_child(self, channel: socket.socket, memory: int) -> None:
        """Have a process forked that serves `channel`, with the file `memory` between it and us; raises NoChild."""
        try:
            socket.send_fds(self.control, [WANTED], [channel.fileno(), memory])
        except OSError as err:
            raise NoChild from err


def _serve(control: socket.socket, load: Callable[[], Pipeline]) -> NoReturn:
    # Ctrl-C and a stop signal for the whole group are the service's to handle.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Newer Pythons warn of a fork beside threads.
    warnings.simplefilter("ignore")
    try:
        pipeline = load()
    except ArtifactError as err:
        control.recv(len(LOADED))
        control.send(FAILED + str(err).encode())
        os._exit(1)
    # Children read what is there by now, and a collector that moved it between its lists would copy it all.
    gc.freeze()
    control.settimeout(STARTED_SECONDS)
    while True:
        try:
            wanted, files, _, _ = socket.recv_fds(control, 1, 2)
        except TimeoutError:
            control.settimeout(None)
            let_go_of_code()
            continue
        if wanted == LOADED:
            control.send(str(pipeline.largest_answer).encode())
            continue
        if wanted != WANTED:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            _answer(socket.socket(fileno=files[0]), mmap.mmap(files[1], 0), pipeline)
        for file in files:
            os.close(file)


def _answer(channel: socket.socket, memory: mmap.mmap, pipeline: Pipeline) -> NoReturn:
    from services.classifier.processes.child import answer_for_ever

    try:
        answer_for_ever(channel, memory, pipeline.answer)
    finally:
        os._exit(0)
