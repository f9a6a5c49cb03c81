"""What a month costs for a given traffic: the arithmetic, line by line, from the prices in `prices.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from ruamel.yaml import YAML

from deploy.manifests import PAGE_CPU, PAGE_MEMORY, gib
from services.catalog import Model

PRICES = Path(__file__).with_name("prices.yaml")
MONTH_SECONDS = 30 * 24 * 3600
# Five labels, and the headers around them.
ANSWER_BYTES = 1000


@dataclass(frozen=True)
class Price:
    """Dollars per unit beyond the first `free` units of a month."""

    price: float
    free: float


@dataclass(frozen=True)
class Traffic:
    """A month's traffic: requests to each model, the seconds one keeps an instance busy, and the bytes of an answer.

    `page_hours` are those in which somebody has the page open: the connection keeps an instance, and its bill, going.
    """

    requests: int
    seconds: float
    page_hours: float = 0
    answer_bytes: int = ANSWER_BYTES
    image_gb: float = 0.3
    secret_versions: int = 2


@dataclass(frozen=True)
class Line:
    """One line of the bill: how much of what, of which how much is free, at which price."""

    what: str
    how: str
    amount: float
    unit: str
    price: Price

    @property
    def charged(self) -> float:
        """Units that cost something."""
        return max(0.0, self.amount - self.price.free)

    @property
    def dollars(self) -> float:
        """What the line costs."""
        return self.charged * self.price.price


def read_prices(path: Path = PRICES) -> dict[str, dict[str, Price]]:
    """The prices, by service and unit."""
    table = YAML(typ="safe", pure=True).load(path)
    return {service: {unit: Price(**row) for unit, row in units.items()} for service, units in table.items()}


def bill(models: Sequence[Model], traffic: Traffic, prices: Mapping[str, Mapping[str, Price]]) -> list[Line]:
    """The lines of a month's bill, as if an instance answered one request at a time: several at once cost less."""
    run, count = prices["cloud_run"], len(models)
    requests = traffic.requests * count
    asked = f"{traffic.requests:,} × {count} model{'s' * (count != 1)}"
    each = f"{traffic.requests:,} requests × {traffic.seconds:g} s"
    shown, page = f"page {traffic.page_hours:g} h × 3,600 s", traffic.page_hours * 3600
    idle_cpu = sum(model.min_instances * model.cpu for model in models) * MONTH_SECONDS
    idle_memory = sum(model.min_instances * gib(model.memory) for model in models) * MONTH_SECONDS
    cpus, memory = sum(model.cpu for model in models), sum(gib(model.memory) for model in models)
    busy = traffic.requests * traffic.seconds
    lines = [
        Line(
            "Cloud Run: CPU",
            f"{each} × {cpus} vCPU + {shown} × {PAGE_CPU} vCPU",
            busy * cpus + page * PAGE_CPU,
            "vCPU-s",
            run["vcpu_second"],
        ),
        Line(
            "Cloud Run: memory",
            f"{each} × {memory:g} GiB + {shown} × {gib(PAGE_MEMORY):g} GiB",
            busy * memory + page * gib(PAGE_MEMORY),
            "GiB-s",
            run["gib_second"],
        ),
        Line("Cloud Run: requests", asked, requests, "requests", run["request"]),
        Line("API Gateway: calls", asked, requests, "calls", _call(prices)),
        Line(
            "Network: answers",
            f"{requests:,} × {traffic.answer_bytes:,} bytes",
            requests * traffic.answer_bytes / 2**30,
            "GiB",
            prices["network"]["gib_out"],
        ),
        Line(
            "Artifact Registry: images",
            f"{count + 2} images × {traffic.image_gb:g} GB",
            (count + 2) * traffic.image_gb,
            "GB",
            prices["artifact_registry"]["gb_month"],
        ),
        Line(
            "Secret Manager: versions",
            "the API key, what the directory lists",
            traffic.secret_versions,
            "versions",
            prices["secret_manager"]["version_month"],
        ),
    ]
    if idle_cpu:
        warm = f"min_instances × {MONTH_SECONDS:,} s"
        lines += [
            Line("Cloud Run: kept warm, CPU", warm, idle_cpu, "vCPU-s", run["idle_vcpu_second"]),
            Line("Cloud Run: kept warm, memory", warm, idle_memory, "GiB-s", run["idle_gib_second"]),
        ]
    return lines


def screen(lines: Sequence[Line]) -> Table:
    """The bill as a person reads it."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    total = sum(line.dollars for line in lines)
    table.add_column("")
    table.add_column("how much", overflow="fold")
    for heading, footer in (("", ""), ("free", ""), ("charged", ""), ("$ each", "a month"), ("$", f"{total:,.2f}")):
        table.add_column(heading, footer=footer, justify="right")
    for line in lines:
        table.add_row(
            line.what,
            line.how,
            f"= {_number(line.amount)} {line.unit}",
            f"- {_number(line.price.free)}",
            f"= {_number(line.charged)}",
            f"× {line.price.price:.7f}".rstrip("0"),
            f"{line.dollars:,.2f}",
        )
    return table


def _number(value: float) -> str:
    """Whole where it is whole, with two decimals otherwise."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _call(prices: Mapping[str, Mapping[str, Price]]) -> Price:
    return prices["api_gateway"]["call"]
