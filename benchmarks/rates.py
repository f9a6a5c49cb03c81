"""How often a piece of work can be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def rate(work: Callable[[], object], threads: int, seconds: float = 1.0) -> float:
    """Calls per second by so many threads, after one call that does not count."""
    work()
    until = time.perf_counter() + seconds
    rates: list[float] = []

    def repeat() -> None:
        began, count = time.perf_counter(), 0
        while (now := time.perf_counter()) < until:
            work()
            count += 1
        rates.append(count / (now - began))

    workers = [threading.Thread(target=repeat) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)
