"""The cost estimate."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.plan.cloud_run_manifests import gib
from deploy.report.cost import BillLine, Price, Traffic, bill, read_prices
from services.catalog import Model, load_catalog
from tests.deploy.deployment_fixture import DEFAULTS, ENTRY


@pytest.fixture
def models(tmp_path: Path) -> list[Model]:
    """Two models: one vCPU and 0.5 GiB; two vCPUs and 1 GiB, with an instance kept warm."""
    path = tmp_path / "models.yaml"
    entries = [ENTRY.format(name=name, sha256="a" * 64) for name in ("small", "large")]
    path.write_text(
        DEFAULTS + "".join(entries) + "    cpu: 2\n    memory: 1Gi\n    min_instances: 1\n", encoding="utf-8"
    )
    return list(load_catalog(path))


def lines(models: list[Model], traffic: Traffic) -> dict[str, BillLine]:
    return {line.what: line for line in bill(models, traffic, read_prices())}


def test_the_cost_is_amount_minus_free_times_price(models: list[Model]) -> None:
    found = lines(models, Traffic(requests=1_000_000, seconds=0.5))
    cpu = found["Cloud Run: CPU"]
    assert (cpu.amount, cpu.charged) == (1_500_000, 1_320_000)
    assert cpu.dollars == pytest.approx(1_320_000 * 0.000024)
    memory = found["Cloud Run: memory"]
    assert memory.amount == 1_000_000 * 0.5 * 1.5
    calls = found["API Gateway: calls"]
    assert (calls.amount, calls.charged, calls.dollars) == (2_000_000, 0, 0)
    warm = found["Cloud Run: kept warm, CPU"]
    assert warm.amount == 2 * 30 * 24 * 3600


def test_an_open_page_is_paid_for_as_long_as_it_is_open(models: list[Model]) -> None:
    found = lines(models[:1], Traffic(requests=0, seconds=1, page_hours=100))
    assert found["Cloud Run: CPU"].amount == 360_000
    assert found["Cloud Run: CPU"].dollars == pytest.approx(180_000 * 0.000024)
    assert found["Cloud Run: memory"].amount == 360_000


def test_without_requests_only_storage_and_warm_instances_cost(models: list[Model]) -> None:
    found = lines(models[:1], Traffic(requests=0, seconds=1))
    assert "Cloud Run: kept warm, CPU" not in found
    assert sum(line.dollars for line in found.values()) == pytest.approx((6 * 0.3 - 0.5) * 0.10)


@pytest.mark.parametrize(("memory", "amount"), [("512Mi", 0.5), ("1Gi", 1), ("1536Mi", 1.5)])
def test_memory_is_counted_in_gib(memory: str, amount: float) -> None:
    assert gib(memory) == amount


def test_every_price_is_a_positive_number_with_its_source() -> None:
    text = (Path(__file__).parents[3] / "deploy/report/prices.yaml").read_text(encoding="utf-8")
    prices = read_prices()
    assert text.count("https://") == len(prices)
    assert all(isinstance(price, Price) and price.price > 0 for units in prices.values() for price in units.values())
