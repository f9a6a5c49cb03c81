from __future__ import annotations

from dataclasses import replace

from benchmarks.comparison.figures import Figures
from benchmarks.comparison.merge import merged
from benchmarks.harness.process import ROOT

RUN = Figures.from_json((ROOT / "benchmarks" / "results" / "benchmark.json").read_bytes())


def faster(factor: float) -> Figures:
    rows = [
        replace(
            row,
            rates=[
                replace(rate, rate=factor * rate.rate, least=factor * rate.least, most=factor * rate.most)
                for rate in row.rates
            ],
        )
        for row in RUN.rows
    ]
    return replace(RUN, rows=rows)


def test_several_runs_have_the_median_of_their_rates_and_the_extremes_of_all() -> None:
    found = merged([faster(0.5), RUN, faster(3.0)])
    for row, original in zip(found.rows, RUN.rows, strict=True):
        for rate, once in zip(row.rates, original.rates, strict=True):
            assert (rate.rate, rate.least, rate.most) == (once.rate, 0.5 * once.least, 3.0 * once.most)
    assert found.plan["rounds"] == 3 * RUN.plan["rounds"]


def test_a_server_that_only_one_run_measured_keeps_its_figures() -> None:
    found = merged([replace(RUN, rows=RUN.rows[1:]), RUN])
    assert {row.name for row in found.rows} == {row.name for row in RUN.rows}


def test_all_cold_starts_of_all_runs_count() -> None:
    assert [len(one.seconds) for one in merged([RUN, RUN]).cold_starts] == [
        2 * len(one.seconds) for one in RUN.cold_starts
    ]
