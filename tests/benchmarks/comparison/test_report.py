from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.comparison.figures import Figures
from benchmarks.comparison.report import report
from benchmarks.comparison.targets import targets
from benchmarks.harness.process import ROOT

FOLDERS = [ROOT / "benchmarks" / "results", ROOT / "benchmarks" / "results" / "photos-500x375"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_published_page_is_what_the_program_makes_of_the_figures(folder: Path) -> None:
    figures = Figures.from_json((folder / "benchmark.json").read_bytes())
    assert (folder / "benchmark.md").read_text("utf-8") == report(figures, targets(figures), "benchmark.png")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_server_that_was_measured_has_a_row(folder: Path) -> None:
    figures = Figures.from_json((folder / "benchmark.json").read_bytes())
    page = (folder / "benchmark.md").read_text("utf-8")
    assert [row.name for row in figures.rows if f"\n| {row.name} |" not in page] == []
