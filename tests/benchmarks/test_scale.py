from __future__ import annotations

import re

import pytest

from benchmarks.harness.process import ROOT
from benchmarks.scale.__main__ import PAGE, RESULTS, limits, measured, thousand, throughput
from deploy.report.cost import read_prices

PARTS = ("throughput", "thousand", "hundred", "limits", "simulation")


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
