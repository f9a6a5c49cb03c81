"""Simulations of requests with random arrivals that queue for processors. Pure functions; times in seconds.

`services` are measured service times, from which each request's own is drawn.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

WARM_UP: Final = 0.1
BILLED_SECONDS: Final = 1000.0
BILLED_REQUESTS: Final = 1000


@dataclass(frozen=True)
class Outcome:
    """Quantiles of the response time of admitted requests, and the share that was refused."""

    p50: float
    p95: float
    p99: float
    refused: float


@dataclass(frozen=True)
class Burst:
    """Quantiles of the response time, the instances started, and when the last request waited for an instance."""

    p50: float
    p99: float
    longest: float
    instances: int
    last_wait: float


class Instance:
    """Processors with a queue, which hold at most `concurrency` requests together."""

    def __init__(self, cpu: int, concurrency: int, ready: float = 0.0) -> None:
        self.ready = ready
        self._concurrency = concurrency
        self._processors = [ready] * cpu
        self._ends: list[float] = []

    def admits(self, now: float) -> float:
        """The first moment from `now` on at which one more request is admitted."""
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        full = len(self._ends) >= self._concurrency
        return max(self.ready, sorted(self._ends)[len(self._ends) - self._concurrency] if full else now)

    def run(self, admitted: float, service: float) -> float:
        """Run a request admitted then; returns its end."""
        end = max(admitted, heapq.heappop(self._processors)) + service
        heapq.heappush(self._processors, end)
        heapq.heappush(self._ends, end)
        return end


def one_instance(
    services: Sequence[float], cpu: int, concurrency: int, load: float, requests: int, seed: int = 0
) -> Outcome:
    """Poisson arrivals at `load` times the capacity of `cpu` processors; a full instance refuses.

    The first tenth of the requests is not counted.
    """
    generator = random.Random(seed)
    arrivals = _poisson(generator, load * cpu * len(services) / sum(services))
    instance = Instance(cpu, concurrency)
    taken: list[float] = []
    refused = 0
    for number, now in zip(range(requests), arrivals, strict=False):
        counted = number >= WARM_UP * requests
        if instance.admits(now) > now:
            refused += counted
            continue
        end = instance.run(now, generator.choice(services))
        if counted:
            taken.append(end - now)
    taken.sort()
    p50, p95, p99 = (quantile(taken, share) for share in (0.5, 0.95, 0.99))
    return Outcome(p50, p95, p99, refused / (refused + len(taken)))


def closed_loop(services: Sequence[float], cpu: int, callers: int, requests: int, seed: int = 0) -> float:
    """Requests per second of callers that send the next request when they get a response."""
    generator = random.Random(seed)
    instance = Instance(cpu, requests)
    starts = [0.0] * callers
    for _ in range(requests):
        heapq.heapreplace(starts, instance.run(starts[0], generator.choice(services)))
    return requests / max(starts)


def burst(
    services: Sequence[float],
    cpu: int,
    concurrency: int,
    rate: float,
    instances: tuple[int, int],
    start: float,
    seconds: float,
    seed: int = 0,
) -> Burst:
    """From nothing to `rate` requests per second, with the first of `instances` warm and at most the second.

    A request goes to the instance that admits it first. One more instance, ready after `start`, is started whenever
    another `concurrency` requests wait.
    """
    generator = random.Random(seed)
    warm, most = instances
    running = [Instance(cpu, concurrency) for _ in range(warm)]
    waiting: list[float] = []
    taken: list[float] = []
    last_wait = 0.0
    for now in _poisson(generator, rate):
        while waiting and waiting[0] <= now:
            heapq.heappop(waiting)
        admitted, chosen = min(((one.admits(now), place) for place, one in enumerate(running)), default=(math.inf, -1))
        starting = sum(one.ready > now for one in running)
        if admitted > now and len(running) < most and len(waiting) >= concurrency * starting:
            running.append(Instance(cpu, concurrency, now + start))
            admitted, chosen = min((admitted, chosen), (now + start, len(running) - 1))
        if admitted > now:
            heapq.heappush(waiting, admitted)
            last_wait = now
        taken.append(running[chosen].run(admitted, generator.choice(services)) - now)
        if now >= seconds:
            break
    taken.sort()
    return Burst(quantile(taken, 0.5), quantile(taken, 0.99), taken[-1], len(running), last_wait)


def billed_share(services: Sequence[float], rate: float, rounding: float, seed: int = 0) -> float:
    """The share of time an instance is billed for: while it has requests, rounded up to `rounding`."""
    generator = random.Random(seed)
    busy_until = busy_from = billed = now = 0.0
    for now in _poisson(generator, rate):
        if now > busy_until:
            billed += math.ceil((busy_until - busy_from) / rounding) * rounding
            busy_from = busy_until = now
        busy_until += generator.choice(services)
        if now >= max(BILLED_SECONDS, BILLED_REQUESTS / rate):
            break
    return min(1.0, (billed + math.ceil((busy_until - busy_from) / rounding) * rounding) / now)


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _poisson(generator: random.Random, rate: float) -> Iterator[float]:
    """Moments of random arrivals, `rate` per second."""
    now = 0.0
    while True:
        now += generator.expovariate(rate)
        yield now
