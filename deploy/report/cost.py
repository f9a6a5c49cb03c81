"""The monthly cost of a given traffic, line by line, from the prices in `prices.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from ruamel.yaml import YAML

from deploy.plan.cloud_run_manifests import PAGE_CPU, PAGE_MEMORY, gib
from deploy.plan.container_images import BASES
from services.catalog import Model

PRICES = Path(__file__).with_name("prices.yaml")
MONTH_SECONDS = 30 * 24 * 3600
# Five labels, and the headers.
RESPONSE_BYTES = 1000


@dataclass(frozen=True)
class Price:
    """Dollars per unit beyond the first `free` units of a month."""

    price: float
    free: float


@dataclass(frozen=True)
class Traffic:
    """A month's traffic: requests to each model, the seconds an instance is busy with one, and the bytes of a response.

    `page_hours` are the hours in which somebody has the page open: its connection keeps an instance running.
    """

    requests: int
    seconds: float
    page_hours: float = 0
    response_bytes: int = RESPONSE_BYTES
    image_gb: float = 0.3
    secret_versions: int = 2


@dataclass(frozen=True)
class BillLine:
    """A line of the bill: an amount of something, and its price."""

    what: str
    how: str
    amount: float
    unit: str
    price: Price

    @property
    def charged(self) -> float:
        """The units beyond the free ones."""
        return max(0.0, self.amount - self.price.free)

    @property
    def dollars(self) -> float:
        """The cost of the line."""
        return self.charged * self.price.price


def read_prices(path: Path = PRICES) -> dict[str, dict[str, Price]]:
    """The prices by service and unit."""
    table = YAML(typ="safe", pure=True).load(path)
    return {service: {unit: Price(**row) for unit, row in units.items()} for service, units in table.items()}


def bill(models: Sequence[Model], traffic: Traffic, prices: Mapping[str, Mapping[str, Price]]) -> list[BillLine]:
    """The bill of a month. It assumes that an instance handles one request at a time; concurrent requests cost less."""
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
        BillLine(
            "Cloud Run: CPU",
            f"{each} × {cpus} vCPU + {shown} × {PAGE_CPU} vCPU",
            busy * cpus + page * PAGE_CPU,
            "vCPU-s",
            run["vcpu_second"],
        ),
        BillLine(
            "Cloud Run: memory",
            f"{each} × {memory:g} GiB + {shown} × {gib(PAGE_MEMORY):g} GiB",
            busy * memory + page * gib(PAGE_MEMORY),
            "GiB-s",
            run["gib_second"],
        ),
        BillLine("Cloud Run: requests", asked, requests, "requests", run["request"]),
        BillLine("API Gateway: calls", asked, requests, "calls", prices["api_gateway"]["call"]),
        BillLine(
            "Network: responses",
            f"{requests:,} × {traffic.response_bytes:,} bytes",
            requests * traffic.response_bytes / 2**30,
            "GiB",
            prices["network"]["gib_out"],
        ),
        BillLine(
            "Artifact Registry: images",
            f"({count} models + directory + page + {len(BASES)} bases) × {traffic.image_gb:g} GB",
            (count + 2 + len(BASES)) * traffic.image_gb,
            "GB",
            prices["artifact_registry"]["gb_month"],
        ),
        BillLine(
            "Secret Manager: versions",
            "the API key, the list of models",
            traffic.secret_versions,
            "versions",
            prices["secret_manager"]["version_month"],
        ),
    ]
    if idle_cpu:
        warm = f"min_instances × {MONTH_SECONDS:,} s"
        lines += [
            BillLine("Cloud Run: kept warm, CPU", warm, idle_cpu, "vCPU-s", run["idle_vcpu_second"]),
            BillLine("Cloud Run: kept warm, memory", warm, idle_memory, "GiB-s", run["idle_gib_second"]),
        ]
    return lines


def bill_table(lines: Sequence[BillLine]) -> Table:
    """The bill for the terminal."""
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
    """Without decimals if the value is whole, with two otherwise."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
