from __future__ import annotations

import re

import pytest

from benchmarks.comparison.figures import Figures
from benchmarks.harness.process import ROOT
from benchmarks.scale.__main__ import PAGE, RESULTS, limits, measured, thousand, throughput
from benchmarks.scale.google import PLATFORM_SECONDS, UTILISATION
from benchmarks.scale.price import Service, peers, price_table, sized
from deploy.report.cost import Price, read_prices
from services.catalog import load_catalog

PARTS = ("peers", "catalog", "throughput", "thousand", "hundred", "limits", "simulation")


@pytest.mark.parametrize("name", PARTS)
def test_the_page_has_the_markers_of_every_part(name: str) -> None:
    assert re.search(rf"<!-- {name} -->\n.+<!-- /{name} -->", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_published_arithmetic_follows_from_the_results() -> None:
    found = measured(RESULTS)
    page = PAGE.read_text("utf-8")
    for lines in (throughput(found), thousand(found, read_prices())):
        assert "\n".join(lines) in page


def test_the_limits_count_the_paths_of_a_hundred_models() -> None:
    assert any("703 paths" in line for line in limits(100))


def test_results_without_a_sizing_are_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        measured(ROOT / "docs")


def test_the_published_prices_follow_from_the_results() -> None:
    benchmark, page, prices = (RESULTS / "benchmark.json").read_bytes(), PAGE.read_text("utf-8"), read_prices()
    for services in (peers(Figures.from_json(benchmark)), [*sized(RESULTS / "sizing.json", load_catalog())]):
        assert services
        assert "\n".join(price_table(services, prices)) in page


def test_a_service_that_is_never_idle_pays_for_its_busy_time_a_rare_one_for_its_start() -> None:
    service = Service("one", [0.010], start=1.0, memory=1.0)
    price = {name: Price(price=1.0, free=0.0) for name in ("vcpu_second", "gib_second")}
    prices = {"cloud_run": {**price, "request": Price(price=0.0, free=0.0)}}
    assert service.dollars(6000.0, prices) == pytest.approx(2 * 0.010 / UTILISATION, rel=0.02)
    assert service.dollars(1 / 86400, prices) == pytest.approx(2 * (1.0 + PLATFORM_SECONDS + 0.1), rel=0.05)
