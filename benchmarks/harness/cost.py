"""CPU time and memory that a running service spends on one request (Linux)."""

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
    """CPU seconds of all the service's processes, and the sum of their peak memory growth in bytes."""

    seconds: float
    growth: int
    # A process died or was replaced meanwhile; what it used is not included.
    killed: bool


@dataclass(frozen=True)
class _Usage:
    seconds: float
    resident: int
    peak: int


def measure_cost(pid: int, work: Callable[[], Result]) -> tuple[Result, Cost]:
    """Call `work`; returns its result and what the process `pid` and its descendants spent meanwhile."""
    before = _usage(pid)
    measurable = {one for one in before if _reset_peak(one)}
    result = work()
    after = _usage(pid)
    both = before.keys() & after.keys()
    return result, Cost(
        seconds=sum(after[one].seconds - before[one].seconds for one in both),
        growth=sum(max(0, after[one].peak - before[one].resident) for one in both & measurable),
        killed=before.keys() != after.keys(),
    )


def _reset_peak(pid: int) -> bool:
    """Reset the kernel's record of the process's peak memory (VmHWM); False if that is not permitted."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _usage(pid: int) -> dict[int, _Usage]:
    first = psutil.Process(pid)
    found = {}
    for process in [first, *first.children(recursive=True)]:
        # KeyError: a process that has ended, and whose parent has not noticed, has no memory.
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, KeyError):
            times = process.cpu_times()
            status = Path(f"/proc/{process.pid}/status").read_text()
            lines = dict(line.split(":", 1) for line in status.splitlines())
            sizes = [int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")]
            found[process.pid] = _Usage(times.user + times.system, *sizes)
    return found
