"""Restrict a process to the system calls that decoding and inference need, with Linux's seccomp.

libseccomp has no maintained Python binding, and the filter is short, so it is assembled here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Final

# From Linux's prctl.h, seccomp.h, filter.h and audit.h.
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP_MODE_FILTER: Final = 2
ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050000 | errno.EPERM
MISSING: Final = 0x00050000 | errno.ENOSYS
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
# Offsets in struct seccomp_data; an argument takes 8 bytes, its lower half first.
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16

# AUDIT_ARCH_…, and the column of the tables below.
MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# The allowed system calls, with their numbers on x86-64 and aarch64.
CALLS: Final = {
    # The channel to the service.
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    # Memory.
    "brk": (12, 214),
    "mremap": (25, 216),
    "munmap": (11, 215),
    # Locks, clocks and signals. A process that was stopped and continued calls restart_syscall.
    "clock_gettime": (228, 113),
    "futex": (202, 98),
    "gettimeofday": (96, 169),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "setitimer": (38, 103),
    # The process itself.
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "gettid": (186, 178),
}
# Allowed, but not for memory that can be executed.
MAPPINGS: Final = {"mmap": (9, 222), "mprotect": (10, 226)}
# Allowed for threads of this process only, which libde265 decodes HEIC in: the flags of pthread_create. Without clone3,
# whose flags a filter cannot read, glibc calls clone.
CLONE: Final = (56, 220)
CLONE3: Final = (435, 435)
THREAD: Final = 0x3D0F00
# Allowed for MADV_DONTNEED, _FREE, _HUGEPAGE, _NOHUGEPAGE, _DONTDUMP, _GUARD_INSTALL and _GUARD_REMOVE only. With
# MADV_HWPOISON, root could make a page of the shared memory kill the service.
MADVISE: Final = (28, 233)
ADVICE: Final = (4, 8, 14, 15, 16, 102, 103)
# Allowed for locks only: F_SETOWN could send signals to other processes.
FCNTL: Final = (72, 25)
LOCKS: Final = (fcntl.F_SETLK, fcntl.F_SETLKW)


class SandboxError(Exception):
    """This system cannot restrict a process's system calls."""


def forbid_inspection() -> None:
    """Keep other processes of this user from attaching to this one and its forks, or reading their memory."""
    if sys.platform == "linux":
        _prctl(PR_SET_DUMPABLE, 0)


def end_with_parent() -> None:
    """Let the kernel kill this process when the process that forked it ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def restrict() -> None:
    """Refuse this process all other system calls with EPERM, for ever; raises SandboxError."""
    code = program(os.uname().machine)
    instructions = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(instructions)))
    try:
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))
    except (OSError, AttributeError) as err:
        raise SandboxError("the kernel does not support seccomp filters") from err


def is_available() -> bool:
    """Try `restrict` in a fork; this process must have a single thread."""
    if (child := os.fork()) == 0:
        try:
            restrict()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def program(machine: str) -> bytes:
    """The filter as BPF instructions; raises SandboxError for an unknown architecture."""
    if machine not in MACHINES:
        raise SandboxError(f"the system calls of {machine} are not known")
    return b"".join(struct.pack("HBBI", *instruction) for instruction in _instructions(*MACHINES[machine]))


def _instructions(architecture: int, column: int) -> Iterator[tuple[int, int, int, int]]:
    """Code, instructions to skip if true, if false, operand."""
    yield LOAD, 0, 0, ARCHITECTURE
    yield EQUAL, 1, 0, architecture
    yield RETURN, 0, 0, REFUSE
    yield LOAD, 0, 0, NUMBER
    for numbers in CALLS.values():
        yield EQUAL, 0, 1, numbers[column]
        yield RETURN, 0, 0, ALLOW
    for numbers in MAPPINGS.values():
        yield EQUAL, 0, 4, numbers[column]
        yield LOAD, 0, 0, ARGUMENTS + 8 * 2
        yield ANY_BIT, 1, 0, mmap.PROT_EXEC
        yield RETURN, 0, 0, ALLOW
        yield RETURN, 0, 0, REFUSE
    yield EQUAL, 0, 1, CLONE3[column]
    yield RETURN, 0, 0, MISSING
    for numbers, argument, values in ((CLONE, 0, (THREAD,)), (FCNTL, 1, LOCKS), (MADVISE, 2, ADVICE)):
        yield EQUAL, 0, 2 + 2 * len(values), numbers[column]
        yield LOAD, 0, 0, ARGUMENTS + 8 * argument
        for value in values:
            yield EQUAL, 0, 1, value
            yield RETURN, 0, 0, ALLOW
        yield RETURN, 0, 0, REFUSE
    yield RETURN, 0, 0, REFUSE


def _prctl(*arguments: int) -> None:
    """Raises OSError."""
    call = ctypes.CDLL(None, use_errno=True).prctl
    call.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if call(*arguments, *[0] * (5 - len(arguments))) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
