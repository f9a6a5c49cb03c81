"""`python -m benchmarks.scale`: what the measured figures come to at scale, for docs/scale.md. Needs no quiet machine.

Reads what `python -m benchmarks` and `python -m benchmarks.calibrate` have written, and the prices of `deploy cost`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from benchmarks.processes import ROOT
from benchmarks.scale.given import Given
from benchmarks.scale.queueing import billed_share, burst, closed_loop, one_instance
from benchmarks.shell import run
from benchmarks.tables import write_between_markers
from deploy.cost import ANSWER_BYTES, MONTH_SECONDS, Price, read_prices
from deploy.manifests import gib
from gateway.product.document import openapi_document
from services.catalog import Model, load_catalog

RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "scale.md"
MODEL: Final = "efficientnet-lite0"
RARE: Final = 0.002
BURST_SECONDS: Final = 20.0
Prices = Mapping[str, Mapping[str, Price]]

console = Console(highlight=False)


@dataclass(frozen=True)
class Measured:
    """The figures that all arithmetic starts from, of one model on one processor."""

    model: Model
    precision: str
    seconds: float
    services: Sequence[float]
    start: float
    direct: Mapping[str, float] = field(default_factory=dict)
    cores: int = 0

    @property
    def per_vcpu(self) -> float:
        """Requests per second that one processor answers."""
        return 1 / self.seconds


def measured(folder: Path) -> Measured:
    """What the benchmark and the calibration found; FileNotFoundError or KeyError where they were not run."""
    calibration = json.loads((folder / "calibration.json").read_text())[MODEL]
    run = folder / "benchmark.json"
    figures: dict[str, Any] = json.loads(run.read_text()) if run.is_file() else {"rows": [], "machine": {"cores": 0}}
    direct = {
        row["engine"]: rate["rate"]
        for row in figures["rows"]
        if row["group"] == "direct"
        for rate in row["rates"]
        if rate["connections"] == 8
    }
    model = load_catalog()[MODEL]
    # How much requests differ is measured alone, how much processor they take with all that HTTP costs.
    seconds, services = calibration["processor_seconds"], calibration["services"]
    scale = seconds * len(services) / sum(services)
    return Measured(
        model=model,
        precision=calibration["precision"],
        seconds=seconds,
        services=[scale * one for one in services],
        start=max(calibration["cold_starts"]),
        direct=direct,
        cores=figures["machine"]["cores"],
    )


def throughput(found: Measured, given: Given) -> list[str]:
    """Requests per second and vCPU."""
    model = found.model
    sixty = given.utilisation * found.per_vcpu
    lines = [
        f"- One request of {model.title} ({found.precision}) takes {found.seconds * 1e3:.2f} ms of a processor, with"
        f" HTTP and decoding: 1 ÷ {found.seconds * 1e3:.2f} ms = **{found.per_vcpu:.0f} requests/s per vCPU** at"
        f" most, {sixty:.0f} at the {given.utilisation:.0%} that the autoscaler aims at.",
    ]
    for engine, rate in found.direct.items():
        lines.append(
            f"- In the benchmark, {found.cores} cores answered {rate:.0f} requests/s as {engine}, with the client on"
            f" the same cores: {rate / found.cores:.0f} per core, a lower bound."
        )
    return lines


def thousand(found: Measured, given: Given, prices: Prices, rate: float) -> list[str]:
    """What so many requests per second cost in a month."""
    model = found.model
    busy = rate * found.seconds / model.cpu
    instances = math.ceil(busy / given.utilisation)
    requests = rate * MONTH_SECONDS
    run, rows = prices["cloud_run"], []
    # An instance that has always some request inside is charged for all of its time.
    share = billed_share(found.services, rate / instances, given.rounding_seconds)
    seconds = instances * share * MONTH_SECONDS
    rows.append(
        _line(
            "vCPU",
            f"{instances} × {share:.0%} × {MONTH_SECONDS:,} s × {model.cpu} vCPU",
            seconds * model.cpu,
            run["vcpu_second"],
        )
    )
    memory = gib(model.memory)
    rows.append(_line("memory", f"the same seconds × {memory:g} GiB", seconds * memory, run["gib_second"]))
    rows.append(_line("requests", f"{rate:,.0f}/s × {MONTH_SECONDS:,} s", requests, run["request"]))
    rows.append(
        _line(
            "API Gateway",
            "every request, at the first price: ask Google above a thousand million",
            requests,
            prices["api_gateway"]["call"],
        )
    )
    out = requests * ANSWER_BYTES / 2**30
    rows.append(_line("network out", f"{ANSWER_BYTES} bytes an answer, in GiB", out, prices["network"]["gib_out"]))
    total = sum(dollars for _, dollars in rows)
    compute = sum(dollars for _, dollars in rows[:3])
    return [
        f"{rate:,.0f} requests/s keep {rate:,.0f} × {found.seconds * 1e3:.2f} ms = {busy:.1f} vCPU busy; at"
        f" {given.utilisation:.0%}, that is ⌈{busy:.1f} ÷ {given.utilisation:g}⌉ = **{instances} instances**; the"
        f" entry's max_instances, now {model.max_instances}, has to allow them.",
        "",
        "| | how much | beyond what is free | $ each | $ a month |",
        "|---|---|---:|---:|---:|",
        *(text for text, _ in rows),
        f"| **all** | | | | **{total:,.0f}** |",
        "",
        f"Cloud Run alone: ${compute:,.0f}, or ${compute / requests * 1e6:.2f} per million requests. The gateway is"
        f" {rows[3][1] / total:.0%} of the bill: who calls so often should be let in past it, with its own ID tokens.",
    ]


def hundred(found: Measured, given: Given, prices: Prices, count: int) -> list[str]:
    """So many models: what waits, what is warm, and how often a caller meets a cold start."""
    run, model = prices["cloud_run"], found.model
    idle = MONTH_SECONDS * (
        model.cpu * run["idle_vcpu_second"].price + gib(model.memory) * run["idle_gib_second"].price
    )
    cold = found.start + given.platform_seconds
    lines = [
        f"A warm instance ({model.cpu} vCPU, {model.memory}) costs {MONTH_SECONDS:,} s ×"
        f" (${run['idle_vcpu_second'].price:.7f} × {model.cpu} + ${run['idle_gib_second'].price:.7f} ×"
        f" {gib(model.memory):g} GiB) = **${idle:.2f} a month**; {count} of them ${idle * count:,.0f}. Without"
        f" min_instances {count} models that nobody asks cost nothing but their images' storage.",
        "",
        f"A service asked at random (Poisson), r times an hour, loses its instance when {given.idle_seconds / 60:.0f}"
        f" minutes go by without a request: a request finds none with the probability"
        f" e^(−r × {given.idle_seconds / 3600:g} h). It then waits about {cold:.1f} s: {found.start:.1f} s measured on"
        f" one core, and {given.platform_seconds:g} s assumed for the platform.",
        "",
        "| requests an hour | requests that wait | cold starts a month | one costs, if min_instances: 1 avoids it |",
        "|---:|---:|---:|---:|",
    ]
    for per_hour in (0.1, 1, 4, 12, 24, 60):
        share = math.exp(-per_hour * given.idle_seconds / 3600)
        cold_starts = per_hour * MONTH_SECONDS / 3600 * share
        price = f"${idle / cold_starts:.3f}" if cold_starts >= 1 else "–"
        lines.append(f"| {per_hour:g} | {share:.1%} | {cold_starts:,.0f} | {price} |")
    often = -math.log(RARE) / given.idle_seconds * 3600
    worst = MONTH_SECONDS / given.idle_seconds / math.e
    lines += [
        "",
        f"No rate causes more than {worst:,.0f} cold starts a month (one request in {given.idle_seconds / 60:.0f}"
        f" minutes), so avoiding one costs ${idle / worst:.3f} at best: **min_instances pay where {cold:.1f} s of one"
        f" caller's time are worth more than that**. From {often:.0f} requests an hour on, the instance stays anyway:"
        f" fewer than {RARE:.1%} of them wait.",
    ]
    return lines


def limits(given: Given, count: int) -> list[str]:
    """Where API Gateway's limits bite."""
    model = load_catalog()[MODEL]
    models = [model.model_copy(update={"name": f"model-{number}"}) for number in range(count)]
    document = openapi_document(
        models, {one.name: f"https://{one.service}.a.run.app" for one in models}, "https://d.a.run.app"
    )
    size = len(json.dumps(document))
    return [
        f"- Requests: {given.quota_units:,.0f} quota units a second and project; a call takes two (a check and a"
        f" report), so about {given.quota_units / 2:,.0f} requests/s. That does not bite at 1,000.",
        f"- The catalog's own quota bites first: {model.quota or 0:,} requests a minute and project are"
        f" {(model.quota or 0) / 60:,.0f} a second to one model.",
        f"- Bodies: {given.body_bytes / 2**20:.0f} MiB each way; the services stop at 10 MiB.",
        f"- The document for {count} models has {len(document['paths']):,} paths and {size / 1e3:,.0f} kB of JSON, in"
        f" one piece. Every change to it is a new config, of which an API may have {given.configs_per_api}.",
        f"- Gateways: {given.gateways_per_region} per region unless Google allows more. All models share one.",
    ]


def simulated(found: Measured, given: Given) -> list[str]:
    """One instance under random load, and a sudden crowd."""
    model = found.model
    lines = [
        f"One instance, {model.cpu} vCPU, {model.concurrency} places, Poisson arrivals, service times drawn from the"
        " measured ones:",
        "",
        "| load | requests/s | p50 | p95 | p99 | refused |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    mean = sum(found.services) / len(found.services)
    for load in (0.3, 0.6, 0.8, 0.9, 1.0, 1.5):
        one = one_instance(found.services, model.cpu, model.concurrency, load, 200_000)
        lines.append(
            f"| {load:.0%} | {load * model.cpu / mean:.0f} | {one.p50 * 1e3:.1f} ms | {one.p95 * 1e3:.1f} ms"
            f" | {one.p99 * 1e3:.1f} ms | {one.refused:.2%} |"
        )
    start = found.start + given.platform_seconds
    rate = 200.0
    lines += [
        "",
        f"From nothing to {rate:.0f} requests/s for {BURST_SECONDS:.0f} s, with {model.max_instances} instances at"
        f" most, when another one takes {start:.1f} s to come:",
        "",
        "| min_instances | p50 | p99 | longest | instances in the end | nobody waits after |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for warm in (0, 1, 2, 4):
        met = burst(
            found.services, model.cpu, model.concurrency, rate, (warm, model.max_instances), start, BURST_SECONDS
        )
        lines.append(
            f"| {warm} | {met.p50 * 1e3:.0f} ms | {met.p99 * 1e3:,.0f} ms | {met.longest:.2f} s | {met.instances}"
            f" | {met.calm:.1f} s |"
        )
    if found.direct and found.cores:
        rate_there, _ = closed_loop(found.services, found.cores, 8, 50_000)
        engine, seen = next(iter(found.direct.items()))
        lines += [
            "",
            f"As a check, the same service times on {found.cores} processors with 8 callers who ask again at once give"
            f" {rate_there:.0f} requests/s in the simulation, where the benchmark saw {seen:.0f} ({engine}): the"
            " difference is HTTP, and the client on the same cores.",
        ]
    return lines


def _line(what: str, how: str, amount: float, price: Price) -> tuple[str, float]:
    charged = max(0.0, amount - price.free)
    each = f"{price.price:.7f}".rstrip("0")
    return f"| {what} | {how} | {charged:,.0f} | {each} | {charged * price.price:,.2f} |", charged * price.price


def page(found: Measured, given: Given, prices: Prices) -> dict[str, str]:
    """The page's parts, by marker."""
    parts = {
        "throughput": throughput(found, given),
        "thousand": thousand(found, given, prices, 1000.0),
        "hundred": hundred(found, given, prices, 100),
        "limits": limits(given, 100),
        "simulation": simulated(found, given),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in parts.items()}


def main(
    results: Annotated[Path, typer.Option(help="Where the benchmark's results are.")] = RESULTS,
    write: Annotated[bool, typer.Option(help="Bring docs/scale.md up to date.")] = True,
) -> None:
    """Say what the measured figures come to: per vCPU, at 1,000 requests/s, with 100 models, in a sudden crowd."""
    try:
        found = measured(results)
    except (FileNotFoundError, KeyError) as err:
        console.print(f"{results} has no calibration of {MODEL}: `make calibrate MODEL={MODEL}` makes it", style="red")
        raise typer.Exit(1) from err
    for name, text in page(found, Given(), read_prices()).items():
        console.print(text, markup=False)
        if write:
            write_between_markers(PAGE, name, text)


if __name__ == "__main__":
    run(main)
