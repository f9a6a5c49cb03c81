"""Small simulations of requests that arrive at random and wait for processors. Pure functions; times in seconds."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WARM: Final = 0.1
BILLED_SECONDS: Final = 1000.0


@dataclass(frozen=True)
class Outcome:
    """What callers saw: quantiles of the whole time of the answered, and the share that was refused."""

    p50: float
    p95: float
    p99: float
    refused: float


def one_instance(
    services: Sequence[float], cpu: int, places: int, load: float, requests: int, seed: int = 0
) -> Outcome:
    """Poisson arrivals at `load` times what `cpu` processors can do; who finds `places` requests inside is refused.

    A request's own time is drawn from the measured `services`. The first tenth of the requests is left out.
    """
    dice = random.Random(seed)  # a simulation, no secret
    rate = load * cpu * len(services) / sum(services)
    free = [0.0] * cpu
    inside: list[float] = []
    taken: list[float] = []
    refused, now = 0, 0.0
    for number in range(requests):
        now += dice.expovariate(rate)
        while inside and inside[0] <= now:
            heapq.heappop(inside)
        counts = number >= WARM * requests
        if len(inside) >= places:
            refused += counts
            continue
        end = max(now, heapq.heappop(free)) + dice.choice(services)
        heapq.heappush(free, end)
        heapq.heappush(inside, end)
        if counts:
            taken.append(end - now)
    return _outcome(taken, refused)


def closed_loop(services: Sequence[float], cpu: int, callers: int, requests: int, seed: int = 0) -> tuple[float, float]:
    """Callers who ask again as soon as they are answered: answers per second, and the median time of one."""
    dice = random.Random(seed)
    free = [0.0] * cpu
    asked = [0.0] * callers
    heapq.heapify(asked)
    taken: list[float] = []
    end = 0.0
    for _ in range(requests):
        at = heapq.heappop(asked)
        end = max(at, heapq.heappop(free)) + dice.choice(services)
        heapq.heappush(free, end)
        heapq.heappush(asked, end)
        taken.append(end - at)
    taken.sort()
    return requests / end, taken[len(taken) // 2]


@dataclass(frozen=True)
class Burst:
    """How a sudden load is met: quantiles over all of it, the instances it took, and when nobody waited any more."""

    p50: float
    p99: float
    longest: float
    instances: int
    calm: float


def burst(
    services: Sequence[float],
    cpu: int,
    places: int,
    rate: float,
    instances: tuple[int, int],
    start: float,
    seconds: float,
    seed: int = 0,
) -> Burst:
    """From nothing to `rate` requests per second, with the first of `instances` there, and at most the second.

    Another instance takes `start` to come. A request goes to the instance that is free first among those with a place;
    without a place it waits, and one more instance is started for every `places` that wait. `calm` is when the last one
    came that had to wait for a place.
    """
    dice = random.Random(seed)
    warm, most = instances
    processors = [[0.0] * cpu for _ in range(warm)]
    inside: list[list[float]] = [[] for _ in range(warm)]
    ready = [0.0] * warm
    taken: list[float] = []
    waiting: list[float] = []
    now = calm = 0.0
    while now < seconds:
        now += dice.expovariate(rate)
        for busy in inside:
            while busy and busy[0] <= now:
                heapq.heappop(busy)
        while waiting and waiting[0] <= now:
            heapq.heappop(waiting)
        # The moment at which each instance has a place for one more.
        chances = [
            (max(ready[i], now if len(busy) < places else sorted(busy)[len(busy) - places]), i)
            for i, busy in enumerate(inside)
        ]
        at, chosen = min(chances, default=(float("inf"), -1))
        starting = sum(moment > now for moment in ready)
        if at > now and len(ready) < most and len(waiting) >= places * starting:
            processors.append([0.0] * cpu)
            inside.append([])
            ready.append(now + start)
            at, chosen = min((at, chosen), (now + start, len(ready) - 1))
        if at > now:
            heapq.heappush(waiting, at)
            calm = now
        begin = max(at, heapq.heappop(processors[chosen]))
        end = begin + dice.choice(services)
        heapq.heappush(processors[chosen], end)
        heapq.heappush(inside[chosen], end)
        taken.append(end - now)
    taken.sort()
    return Burst(_quantile(taken, 0.5), _quantile(taken, 0.99), taken[-1], len(ready), calm)


def billed_share(services: Sequence[float], rate: float, rounding: float, seed: int = 0) -> float:
    """The share of its time for which an instance is charged: while a request is inside, rounded up to `rounding`."""
    dice = random.Random(seed)
    now = until = billed = began = 0.0
    while now < BILLED_SECONDS:
        now += dice.expovariate(rate)
        if now > until:
            billed += math.ceil((until - began) / rounding) * rounding
            began = until = now
        until += dice.choice(services)
    return min(1.0, (billed + math.ceil((until - began) / rounding) * rounding) / now)


def _outcome(taken: list[float], refused: int) -> Outcome:
    taken.sort()
    share = refused / (refused + len(taken))
    return Outcome(_quantile(taken, 0.5), _quantile(taken, 0.95), _quantile(taken, 0.99), share)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
