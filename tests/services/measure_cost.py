"""What one request costs a running service: seconds of processor, and memory at the highest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """Seconds of processor of all the service's processes, and the bytes by which they grew at the highest."""

    seconds: float
    growth: int
    # Whether a process died of it; then what that one took is not among the others.
    killed: bool


@dataclass(frozen=True)
class _State:
    seconds: float
    resident: int
    highest: int


def weighed(pid: int, work: Callable[[], Result]) -> tuple[Result, Cost]:
    """What the service whose first process is `pid` spends on `work`, and what comes of that."""
    before = _family(pid)
    watched = {one for one in before if _watched(one)}
    result = work()
    after = _family(pid)
    both = before.keys() & after.keys()
    return result, Cost(
        seconds=sum(after[one].seconds - before[one].seconds for one in both),
        growth=sum(max(0, after[one].highest - before[one].resident) for one in both & watched),
        killed=before.keys() != after.keys(),
    )


def _watched(pid: int) -> bool:
    """Whether the kernel notes from now on how much memory the process has at the highest."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _family(pid: int) -> dict[int, _State]:
    first = psutil.Process(pid)
    found = {}
    for process in [first, *first.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            times = process.cpu_times()
            status = Path(f"/proc/{process.pid}/status").read_text()
            lines = dict(line.split(":", 1) for line in status.splitlines())
            sizes = [int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]
            found[process.pid] = _State(times.user + times.system, *sizes)
    return found
