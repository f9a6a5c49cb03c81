"""The seccomp filter: each architecture's program, run by a small interpreter."""

import fcntl
import mmap
import struct
import subprocess
import sys

import pytest

from benchmarks.harness.process import ROOT
from services.classifier.workers import seccomp
from services.classifier.workers.seccomp import (
    ALLOW,
    CALLS,
    CLONE,
    CLONE3,
    FCNTL,
    MACHINES,
    MADVISE,
    MAPPINGS,
    MISSING,
    REFUSE,
    THREAD,
    SandboxError,
    program,
)

# Of system calls that no decoder needs; numbers on x86-64 and aarch64.
OTHERS = {
    "fork": (57, 1079),
    "vfork": (58, 1071),
    "unshare": (272, 97),
    "execve": (59, 221),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "openat": (257, 56),
    "socket": (41, 198),
    "sendmsg": (46, 211),
    "write": (1, 64),
    "mkdirat": (258, 34),
    "renameat2": (316, 276),
    "prctl": (157, 167),
    "io_uring_setup": (425, 425),
    "pidfd_open": (434, 434),
}


def result(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter returns for a system call."""
    code = program(machine)
    values = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, MACHINES[machine][0] if architecture is None else architecture, 0, *values)
    accumulator = position = 0
    while True:
        kind, if_true, if_false, operand = struct.unpack_from("HBBI", code, 8 * position)
        position += 1
        if kind == seccomp.RETURN:
            return int(operand)
        if kind == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif kind == seccomp.EQUAL:
            position += if_true if accumulator == operand else if_false
        else:
            assert kind == seccomp.ANY_BIT
            position += if_true if accumulator & operand else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_only_the_listed_calls_are_allowed(machine: str) -> None:
    column = MACHINES[machine][1]
    listed = {numbers[column] for numbers in CALLS.values()}
    special = {numbers[column] for numbers in (*MAPPINGS.values(), FCNTL, MADVISE, CLONE, CLONE3)}
    for number in range(1000):
        if number not in special:
            assert result(machine, number) == (ALLOW if number in listed else REFUSE)
    assert not {numbers[column] for numbers in OTHERS.values()} & (listed | special)


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_can_be_mapped_but_not_executed(machine: str) -> None:
    for numbers in MAPPINGS.values():
        number = numbers[MACHINES[machine][1]]
        assert result(machine, number, 0, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == ALLOW
        assert result(machine, number, 0, 4096, mmap.PROT_READ | mmap.PROT_EXEC) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_fcntl_only_locks(machine: str) -> None:
    number = FCNTL[MACHINES[machine][1]]
    assert result(machine, number, 3, fcntl.F_SETLKW) == ALLOW
    assert result(machine, number, 3, fcntl.F_SETLK) == ALLOW
    assert result(machine, number, 3, fcntl.F_SETOWN) == REFUSE
    assert result(machine, number, 3, fcntl.F_DUPFD) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_unused_memory_can_be_returned_but_not_poisoned(machine: str) -> None:
    number = MADVISE[MACHINES[machine][1]]
    # MADV_DONTNEED; MADV_REMOVE, _HWPOISON and _SOFT_OFFLINE.
    assert result(machine, number, 0, 4096, 4) == ALLOW
    for advice in (9, 100, 101):
        assert result(machine, number, 0, 4096, advice) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_clone_only_starts_threads_of_the_same_process(machine: str) -> None:
    column = MACHINES[machine][1]
    assert result(machine, CLONE[column], THREAD) == ALLOW
    # The flags of fork and vfork; of a thread in other namespaces; of one that shares no memory, or is traced.
    for flags in (0x1200011, 0x4111, THREAD | 0x10000000, THREAD & ~0x100, THREAD | 0x2000, 0):
        assert result(machine, CLONE[column], flags) == REFUSE
    # So that glibc calls clone.
    assert result(machine, CLONE3[column], 0) == MISSING


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_of_another_architecture_are_refused(machine: str) -> None:
    exit_group = CALLS["exit_group"][MACHINES[machine][1]]
    assert result(machine, exit_group) == ALLOW
    assert result(machine, exit_group, architecture=0x40000003) == REFUSE
    # x32 on x86-64.
    assert result(machine, exit_group | 0x40000000) == REFUSE


def test_an_unknown_architecture_has_no_filter() -> None:
    with pytest.raises(SandboxError):
        program("riscv64")


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_other_processes_of_the_user_cannot_inspect_a_service() -> None:
    code = "import ctypes; from services.classifier.workers.seccomp import forbid_inspection as forbid; forbid();"
    dumpable = "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    run = subprocess.run([sys.executable, "-c", f"{code} {dumpable}"], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "0\n", run.stderr
