from __future__ import annotations

import pytest

from benchmarks.comparison.figures import Figures
from benchmarks.comparison.report import summary, worker_processes
from benchmarks.comparison.targets import Target, at_least, at_most, targets
from benchmarks.harness.process import ROOT

RUN = ROOT / "benchmarks" / "results" / "benchmark.json"


def empty() -> Figures:
    figures = Figures.from_json(RUN.read_bytes())
    return Figures(figures.machine, figures.plan, figures.photos)


@pytest.mark.parametrize(
    ("target", "verdict", "found"),
    [
        pytest.param(at_least("x", 2, 2.0), "met", "2 ×", id="just met"),
        pytest.param(at_least("x", 2, 1.999), "missed", "2 ×", id="just missed"),
        pytest.param(at_most("x", 300, 1234.5, unit=" MB"), "missed", "1,234 MB", id="too large"),
        pytest.param(at_most("x", 2, None), "not measured", "–", id="not measured"),
    ],
)
def test_a_target_is_met_missed_or_not_measured(target: Target, verdict: str, found: str) -> None:
    assert (target.verdict, target.found) == (verdict, found)


def test_throughput_targets_are_ratios_of_the_best_rates() -> None:
    figures = Figures.from_json(RUN.read_bytes())
    ours, peer = figures.best("direct", "int8", 8), figures.best("torch", "torch", 8)
    assert ours
    assert peer
    first = targets(figures)[0]
    assert first.value == pytest.approx(ours[1].rate / peer[1].rate)
    assert peer[0].name in first.how


def test_a_run_that_measured_nothing_misses_no_target() -> None:
    assert {target.verdict for target in targets(empty())} == {"not measured"}


def test_the_summary_names_the_best_peers_and_guichet() -> None:
    figures = Figures.from_json(RUN.read_bytes())
    titles = [cells[0] for cells in summary(figures)]
    assert len(titles) == 7
    best = figures.best("openvino", "int8", 8)
    assert best
    assert f"best peer with the int8 model: {best[0].name}" in titles
    assert summary(empty()) == []


def test_worker_processes_are_described_only_if_they_were_measured() -> None:
    assert "connections" in worker_processes(Figures.from_json(RUN.read_bytes()))
    assert worker_processes(empty()) == ""
