"""A small process, forked before any thread was started, that forks the decoding processes when they are wanted.

The service itself cannot fork safely once OpenVINO's threads run, and a fresh interpreter takes a tenth of a second.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
from dataclasses import dataclass
from typing import NoReturn

from services.classifier.decoding.child import Decode, decode_for_ever

WANTED = b"+"


class NoChild(Exception):
    """No decoding process can be had; the instance is of no more use."""


@dataclass(frozen=True)
class Nursery:
    """Asks the forking process, which ends with the last process that holds `control`."""

    control: socket.socket

    @classmethod
    def open(cls, decode: Decode) -> Nursery:
        """Fork the forking process, whose children `decode`. Call it while this process has a single thread."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            _fork_for_ever(theirs, decode)
        theirs.close()
        return cls(ours)

    def new_child(self, channel: socket.socket, image: int, pixels: int) -> None:
        """Have a process forked that serves `channel`, with the two files as its memory; raises NoChild."""
        try:
            socket.send_fds(self.control, [WANTED], [channel.fileno(), image, pixels])
        except OSError as err:
            raise NoChild from err


def _fork_for_ever(control: socket.socket, decode: Decode) -> NoReturn:
    # Ctrl-C and a stop signal for the whole group are the service's to handle.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        wanted, files, _, _ = socket.recv_fds(control, len(WANTED), 3)
        if wanted != WANTED:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            memory = [mmap.mmap(file, 0) for file in files[1:]]
            decode_for_ever(socket.socket(fileno=files[0]), memory[0], memory[1], decode)
            os._exit(0)
        for file in files:
            os.close(file)
