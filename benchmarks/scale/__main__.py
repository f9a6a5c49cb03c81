"""`python -m benchmarks.scale`: what the measured figures amount to at scale, for docs/scale.md.

Measures nothing: reads the results of `python -m benchmarks` and `make size`, and the prices of `deploy cost`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.comparison.figures import Figures
from benchmarks.harness.command import console, run
from benchmarks.harness.process import ROOT
from benchmarks.harness.tables import milliseconds, row, table, write_between_markers
from benchmarks.scale.google import (
    BILLING_SECONDS,
    BODY_BYTES,
    CONFIGS_PER_API,
    GATEWAYS_PER_REGION,
    IDLE_SECONDS,
    PLATFORM_SECONDS,
    QUOTA_UNITS,
    UTILISATION,
    Prices,
)
from benchmarks.scale.price import peers, price_table, seconds_per_request, sized
from benchmarks.scale.simulation import billed_share, burst, closed_loop, one_instance
from deploy.plan.cloud_run_manifests import gib
from deploy.report.cost import MONTH_SECONDS, RESPONSE_BYTES, Price, read_prices
from gateway.product.openapi_document import openapi_document
from services.catalog import Model, load_catalog

RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "scale.md"
MODEL: Final = "efficientnet-lite0"
RARE: Final = 0.002
BURST_RATE: Final = 200.0
BURST_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Measured:
    """One model on one core: CPU seconds per request, service times, the slowest start; requests/s by engine."""

    model: Model
    precision: str
    seconds: float
    services: Sequence[float]
    start: float
    direct: Mapping[str, float]
    cores: int

    @property
    def cold_start(self) -> float:
        """What a caller waits for an instance."""
        return self.start + PLATFORM_SECONDS


def measured(folder: Path) -> Measured:
    """Raises FileNotFoundError or KeyError if the model has not been sized."""
    sizing = json.loads((folder / "sizing.json").read_text())[MODEL]
    benchmark = folder / "benchmark.json"
    figures: dict[str, Any] = (
        json.loads(benchmark.read_text()) if benchmark.is_file() else {"rows": [], "machine": {"cores": 0}}
    )
    direct = {
        server["engine"]: rate["rate"]
        for server in figures["rows"]
        if server["group"] == "direct"
        for rate in server["rates"]
        if rate["connections"] == 8
    }
    return Measured(
        model=load_catalog()[MODEL],
        precision=sizing["precision"],
        seconds=sizing["processor_seconds"],
        services=seconds_per_request(sizing),
        start=max(sizing["cold_starts"]),
        direct=direct,
        cores=figures["machine"]["cores"],
    )


def throughput(found: Measured) -> list[str]:
    """Requests per second and vCPU."""
    taken = milliseconds(found.seconds)
    return [
        f"- One request of {found.model.title} ({found.precision}) takes {taken} of CPU time, with HTTP and decoding:"
        f" 1 ÷ {taken} = **{1 / found.seconds:.0f} requests/s per vCPU** at most, {UTILISATION / found.seconds:.0f} at"
        f" the {UTILISATION:.0%} that the autoscaler aims at.",
        *(
            f"- In the benchmark, {found.cores} cores served {rate:.0f} requests/s as {engine}, with the client on the"
            f" same cores: {rate / found.cores:.0f} per core, a lower bound."
            for engine, rate in found.direct.items()
        ),
    ]


def thousand(found: Measured, prices: Prices, rate: float = 1000.0) -> list[str]:
    """The monthly cost of `rate` requests per second."""
    model, run = found.model, prices["cloud_run"]
    busy = rate * found.seconds / model.cpu
    instances = math.ceil(busy / UTILISATION)
    requests = rate * MONTH_SECONDS
    share = billed_share(found.services, rate / instances, BILLING_SECONDS)
    seconds, memory = instances * share * MONTH_SECONDS, gib(model.memory)
    time = f"{instances} × {share:.0%} × {MONTH_SECONDS:,} s × {model.cpu} vCPU"
    items: list[tuple[str, str, float, Price]] = [
        ("vCPU", time, seconds * model.cpu, run["vcpu_second"]),
        ("memory", f"the same seconds × {memory:g} GiB", seconds * memory, run["gib_second"]),
        ("requests", f"{rate:,.0f}/s × {MONTH_SECONDS:,} s", requests, run["request"]),
        ("API Gateway", "every request; list price", requests, prices["api_gateway"]["call"]),
        (
            "network out",
            f"{RESPONSE_BYTES} bytes per response, in GiB",
            requests * RESPONSE_BYTES / 2**30,
            prices["network"]["gib_out"],
        ),
    ]
    lines = [(what, how, max(0.0, amount - price.free), price.price) for what, how, amount, price in items]
    dollars = [charged * price for *_, charged, price in lines]
    total, compute = sum(dollars), sum(dollars[:3])
    rows = [
        (what, how, f"{charged:,.0f}", f"{price:.7f}".rstrip("0"), f"{charged * price:,.2f}")
        for what, how, charged, price in lines
    ]
    return [
        f"{rate:,.0f} requests/s keep {rate:,.0f} × {milliseconds(found.seconds)} = {busy:.1f} vCPU busy; at"
        f" {UTILISATION:.0%}, that takes ⌈{busy:.1f} ÷ {UTILISATION:g}⌉ = **{instances} instances**. The entry's"
        f" max_instances is {model.max_instances}.",
        "",
        *table(("", "amount", "beyond the free amount", "$ each", "$ a month"), rows, numbers=2),
        row("**all**", "", "", "", f"**{total:,.0f}**"),
        "",
        f"Cloud Run alone costs ${compute:,.0f}, or ${compute / requests * 1e6:.2f} per million requests. The gateway"
        f" is {dollars[3] / total:.0%} of the bill: let frequent callers call the services directly, with ID tokens.",
    ]


def hundred(found: Measured, prices: Prices, count: int = 100) -> list[str]:
    """Idle cost of many models, and how often a caller waits for a cold start."""
    run, model, cold = prices["cloud_run"], found.model, found.cold_start
    vcpu, memory = run["idle_vcpu_second"].price, run["idle_gib_second"].price
    idle = MONTH_SECONDS * (model.cpu * vcpu + gib(model.memory) * memory)
    rows = []
    for per_hour in (0.1, 1, 4, 12, 24, 60):
        share = math.exp(-per_hour * IDLE_SECONDS / 3600)
        starts = per_hour * MONTH_SECONDS / 3600 * share
        rows.append(
            (f"{per_hour:g}", f"{share:.1%}", f"{starts:,.0f}", f"${idle / starts:.3f}" if starts >= 1 else "–")
        )
    often = -math.log(RARE) / IDLE_SECONDS * 3600
    worst = MONTH_SECONDS / IDLE_SECONDS / math.e
    headings = (
        "requests per hour",
        "requests that wait",
        "cold starts a month",
        "$ per avoided one, with min_instances: 1",
    )
    return [
        f"A warm instance ({model.cpu} vCPU, {model.memory}) costs {MONTH_SECONDS:,} s × (${vcpu:.7f} × {model.cpu} +"
        f" ${memory:.7f} × {gib(model.memory):g} GiB) = **${idle:.2f} a month**; {count} of them ${idle * count:,.0f}."
        f" Without min_instances, {count} unused models cost only their images' storage.",
        "",
        f"A service with r random (Poisson) requests per hour loses its instance after {IDLE_SECONDS / 60:.0f} minutes"
        f" without one, so a request finds none with probability e^(−r × {IDLE_SECONDS / 3600:g} h). It then waits"
        f" about {cold:.1f} s: {found.start:.1f} s measured, {PLATFORM_SECONDS:g} s assumed for Cloud Run.",
        "",
        *table(headings, rows, numbers=0),
        "",
        f"No rate causes more than {worst:,.0f} cold starts a month (one request per {IDLE_SECONDS / 60:.0f} minutes),"
        f" so avoiding one costs at least ${idle / worst:.3f}: **min_instances pay if {cold:.1f} s of a caller's time"
        f" are worth more**. From {often:.0f} requests per hour on, fewer than {RARE:.1%} of them wait anyway.",
    ]


def limits(count: int = 100) -> list[str]:
    """Where API Gateway's limits apply."""
    model = load_catalog()[MODEL]
    models = [model.model_copy(update={"name": f"model-{number}"}) for number in range(count)]
    addresses = {one.name: f"https://{one.service}.a.run.app" for one in models}
    document = openapi_document(models, addresses, "https://d.a.run.app")
    quota = model.quota or 0
    return [
        f"- Requests: {QUOTA_UNITS:,} quota units per second and project; a call takes two (a check and a report), so"
        f" about {QUOTA_UNITS / 2:,.0f} requests/s.",
        f"- The catalog's own quota is lower: {quota:,} requests per minute and project, or {quota / 60:,.0f} per"
        " second to one model.",
        f"- Bodies: {BODY_BYTES / 2**20:.0f} MiB in each direction; the services accept 10 MiB.",
        f"- The document for {count} models has {len(document['paths']):,} paths and"
        f" {len(json.dumps(document)) / 1e3:,.0f} kB of JSON. Every change to it is a new"
        f" config, of which an API may have {CONFIGS_PER_API}.",
        f"- Gateways: {GATEWAYS_PER_REGION} per region, unless Google allows more. All models share one.",
    ]


def simulation(found: Measured) -> list[str]:
    """One instance under random load, and a burst."""
    model = found.model
    mean = sum(found.services) / len(found.services)
    loads = []
    for load in (0.3, 0.6, 0.8, 0.9, 1.0, 1.5):
        one = one_instance(found.services, model.cpu, model.concurrency, load, 200_000)
        times = (milliseconds(seconds, 1) for seconds in (one.p50, one.p95, one.p99))
        loads.append((f"{load:.0%}", f"{load * model.cpu / mean:.0f}", *times, f"{one.refused:.2%}"))
    bursts = []
    for warm in (0, 1, 2, 4):
        instances = warm, model.max_instances
        met = burst(
            found.services, model.cpu, model.concurrency, BURST_RATE, instances, found.cold_start, BURST_SECONDS
        )
        times = (milliseconds(seconds, 0) for seconds in (met.p50, met.p99))
        bursts.append((str(warm), *times, f"{met.longest:.2f} s", str(met.instances), f"{met.last_wait:.1f} s"))
    lines = [
        f"One instance with {model.cpu} vCPU and concurrency {model.concurrency}, Poisson arrivals, and service times"
        " drawn from the measured ones:",
        "",
        *table(("load", "requests/s", "p50", "p95", "p99", "refused"), loads, numbers=0),
        "",
        f"From nothing to {BURST_RATE:.0f} requests/s for {BURST_SECONDS:.0f} s, with at most {model.max_instances}"
        f" instances, each ready {found.cold_start:.1f} s after it is started:",
        "",
        *table(
            ("min_instances", "p50", "p99", "longest", "instances at the end", "no waiting after"), bursts, numbers=0
        ),
    ]
    for engine, seen in [*found.direct.items()][:1]:
        rate = closed_loop(found.services, found.cores, 8, 50_000)
        lines += [
            "",
            f"Check: with the same service times on {found.cores} processors, 8 callers in a closed loop get"
            f" {rate:.0f} requests/s in the simulation; the benchmark measured {seen:.0f} ({engine}), with HTTP and the"
            " client on the same cores.",
        ]
    return lines


def main(
    results: Annotated[Path, typer.Option(help="Folder of the benchmark's results.")] = RESULTS,
    write: Annotated[bool, typer.Option(help="Update docs/scale.md.")] = True,
) -> None:
    """Calculate capacity, cost and waiting times at scale from the measured figures."""
    try:
        found = measured(results)
    except (FileNotFoundError, KeyError) as err:
        console.print(f"{results} has no sizing of {MODEL}; run `make size MODEL={MODEL}`", style="red", markup=False)
        raise typer.Exit(1) from err
    prices = read_prices()
    catalog = load_catalog()
    benchmark = Figures.from_json((results / "benchmark.json").read_bytes())
    parts = {
        "peers": price_table(peers(benchmark), prices),
        "catalog": price_table([*sized(results / "sizing.json", catalog)], prices),
        "throughput": throughput(found),
        "thousand": thousand(found, prices),
        "hundred": hundred(found, prices),
        "limits": limits(),
        "simulation": simulation(found),
    }
    for name, lines in parts.items():
        text = "\n".join(lines) + "\n"
        console.print(text, markup=False)
        if write:
            write_between_markers(PAGE, name, text)


if __name__ == "__main__":
    run(main)
