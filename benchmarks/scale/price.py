"""What a photo costs on Cloud Run: Guichet beside other servers, and every sized model of the catalog."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.comparison.figures import Figures, Rate, Row
from benchmarks.comparison.targets import CONNECTIONS
from benchmarks.harness.tables import milliseconds, table
from benchmarks.scale.google import BILLING_SECONDS, IDLE_SECONDS, PLATFORM_SECONDS, UTILISATION, Prices
from benchmarks.scale.simulation import billed_share
from deploy.plan.cloud_run_manifests import gib
from services.catalog import Catalog

# Photos per second, and its name.
TRAFFIC: Final = ((1 / 3600, "1 per hour"), (1.0, "1 per second"), (1000.0, "1,000 per second"))
# Cloud Run takes memory in any size; these are usual ones.
MEMORY_STEP: Final = 128 * 2**20
LEAST_MEMORY: Final = 512 * 2**20
MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Service:
    """CPU seconds of one photo, drawn from `seconds`; seconds of a cold start; GiB of memory."""

    name: str
    seconds: Sequence[float]
    start: float
    memory: float

    @property
    def mean(self) -> float:
        return math.fsum(self.seconds) / len(self.seconds)

    def dollars(self, rate: float, prices: Prices) -> float:
        """Of one photo, if `rate` of them arrive at random per second; without what is free each month."""
        run = prices["cloud_run"]
        instances = math.ceil(rate * self.mean / UTILISATION)
        billed = billed_share(self.seconds, rate / instances, BILLING_SECONDS) * instances / rate
        # An instance is lost after IDLE_SECONDS without a request, and its start is billed.
        billed += math.exp(-rate * IDLE_SECONDS) * (self.start + PLATFORM_SECONDS)
        return billed * (run["vcpu_second"].price + self.memory * run["gib_second"].price) + run["request"].price


def peers(figures: Figures) -> list[Service]:
    """Guichet and the best of its peers, in the benchmark, where the client used the same cores."""
    wanted = (("torch", "torch"), ("openvino", "fp16"), ("direct", "fp16"), ("openvino", "int8"), ("direct", "int8"))
    best = [figures.best(group, engine, CONNECTIONS) for group, engine in wanted]
    return [_benchmarked(*found, figures.machine.cores) for found in best if found]


def _benchmarked(row: Row, rate: Rate, cores: int) -> Service:
    memory = max(LEAST_MEMORY, math.ceil((row.memory_loaded or 0) / MEMORY_STEP) * MEMORY_STEP)
    return Service(row.name, [cores / rate.rate], row.cold_start or 0.0, memory / 2**30)


def sized(sizing: Path, catalog: Catalog) -> Iterator[Service]:
    """The models of the catalog that were sized, on one core of their own."""
    results = json.loads(sizing.read_text("utf-8"))
    for model in catalog:
        if found := results.get(model.name):
            title = f"{model.title} ({found['precision']})"
            yield Service(title, seconds_per_request(found), max(found["cold_starts"]), gib(model.memory))


def seconds_per_request(sizing: Mapping[str, Any]) -> list[float]:
    """Varying as the service reports, with the CPU time that the kernel counts on average, HTTP included."""
    services = sizing["services"]
    factor = sizing["processor_seconds"] * len(services) / math.fsum(services)
    return [factor * one for one in services]


def price_table(services: Sequence[Service], prices: Prices) -> list[str]:
    """Photos per vCPU-second and per dollar."""
    rows = []
    for service in services:
        dollars = [service.dollars(rate, prices) for rate, _ in TRAFFIC]
        rows.append(
            (
                service.name,
                milliseconds(service.mean),
                f"{1 / service.mean:,.0f}",
                *(f"{one * MILLION:,.2f}" for one in dollars),
                f"{1 / dollars[-1]:,.0f}",
            )
        )
    headings = ("", "CPU time", "photos per vCPU-second", *(f"$ per million, {name}" for _, name in TRAFFIC))
    return table((*headings, f"photos per $, {TRAFFIC[-1][1]}"), rows, numbers=1)
