"""What an attacker tries with code that runs in a decoder."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

LIBC: Final = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH: Final = 16


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _fork(_: Path) -> None:
    if os.fork() == 0:
        os._exit(0)


def _read_parent(_: Path) -> None:
    target = ctypes.create_string_buffer(8)
    vector = ctypes.byref(Iovec(ctypes.addressof(target), 8))
    # The parent is a fork of the same program, so it has something at the same address.
    _checked(LIBC.process_vm_readv(os.getppid(), vector, 1, vector, 1, 0))


def _truncate_shared_memory(_: Path) -> None:
    memory = [file for file in range(3, 64) if LIBC.lseek(file, 0, os.SEEK_END) > 0]
    os.ftruncate(memory[0] if memory else 3, 0)


# By name: what is done to the folder, which contains a file `old`.
ATTEMPTS: Final[dict[str, Callable[[Path], object]]] = {
    "fork": _fork,
    "exec": lambda _: os.execv("/bin/true", ["true"]),  # noqa: S606  # on purpose
    "kill": lambda _: os.kill(os.getppid(), signal.SIGCONT),
    "rename": lambda folder: (folder / "old").rename(folder / "new"),
    "mkdir": lambda folder: (folder / "made").mkdir(),
    "unlink": lambda folder: (folder / "old").unlink(),
    "ptrace": lambda _: _checked(LIBC.ptrace(PTRACE_ATTACH, os.getppid(), 0, 0)),
    "process_vm_readv": _read_parent,
    "open": lambda _: os.open("/etc/passwd", os.O_RDONLY),
    "socket": lambda _: socket.socket(),
    "duplicate": lambda _: os.dup(0),
    "write-to-the-log": lambda _: os.write(1, b'{"severity": "ERROR", "message": "forged"}\n'),
    "signal-by-fcntl": lambda _: fcntl.fcntl(3, fcntl.F_SETOWN, os.getppid()),
    "truncate-shared-memory": _truncate_shared_memory,
    "executable-memory": lambda _: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "become-dumpable": lambda _: _checked(LIBC.prctl(4, 1, 0, 0, 0)),
    "set-limits": lambda _: _checked(LIBC.setrlimit(7, (ctypes.c_ulong * 2)(0, 0))),
}


def outcome(name: str, folder: Path) -> str:
    """`refused` or `succeeded`."""
    try:
        ATTEMPTS[name](folder)
    except OSError:
        return "refused"
    return "succeeded"
