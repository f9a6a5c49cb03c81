from __future__ import annotations

from benchmarks.page.__main__ import TIMES, report
from benchmarks.page.many_visitors import Figures
from benchmarks.page.one_visitor import Spread


def test_a_spread_is_the_median_the_95th_percentile_and_the_maximum() -> None:
    assert Spread.of([float(number) for number in range(100, 0, -1)]) == Spread(50.5, 96.0, 100.0)
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0)


def test_the_report_has_a_row_per_measurement() -> None:
    many = Figures(50, 600, 0, Spread(22, 41, 113), (60, 102, 102), 0.2, 0.02, 0.04, 1.6)
    lines = report({key: Spread(1, 2, 3) for _, key, _ in TIMES}, many, load=0.1).splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 2 + len(TIMES)
    assert "| 50 visitors, 600 images: the page's overhead | 22 ms | 41 ms | 113 ms | p95 < 100 ms |" in lines
