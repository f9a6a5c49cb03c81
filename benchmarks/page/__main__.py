"""`make page-figures`: how long visitors of the page wait, as the table in frontend/README.md."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.process import ROOT
from benchmarks.harness.tables import table, write_between_markers
from benchmarks.page import many_visitors, one_visitor

PAGE: Final = ROOT / "frontend" / "README.md"
HEADINGS: Final = ("", "median", "p95", "maximum", "target")
TIMES: Final = (
    ("first paint, first visit of the browser", "paint_first", "< 2 s"),
    ("first paint, later visit", "paint_again", ""),
    ("from the gateway's response to the prediction on the screen", "drawn", "< 150 ms"),
    ("three models, beyond the slowest of them", "comparing", "not the sum"),
)


def report(one: dict[str, one_visitor.Spread], many: many_visitors.Figures, load: float) -> str:
    """The table and the sentence after it."""
    rows = [
        (words, *(f"{value:.0f} ms" for value in (one[key].median, one[key].p95, one[key].maximum)), target)
        for words, key, target in TIMES
    ]
    overhead = (f"{value:.0f} ms" for value in (many.overhead.median, many.overhead.p95, many.overhead.maximum))
    rows.append((f"{many.visitors} visitors, {many.images} images: the page's overhead", *overhead, "p95 < 100 ms"))
    start, half, end = many.memory_mib
    return "\n".join(
        [
            *table(HEADINGS, rows, numbers=1),
            "",
            f"Errors among the {many.visitors} visitors: {many.errors}. Memory of the page's process: {start:.0f} MiB"
            f" before they came, {half:.0f} MiB halfway, {end:.0f} MiB at the end. CPU, in shares of one core:"
            f" page {many.cpu_page:.0%}, gateway {many.cpu_gateway:.0%}, visitors {many.cpu_visitors:.0%} (whose event"
            f" loop was {many.lag_p95:.1f} ms late, p95). {os.cpu_count()} cores, load {load:.1f} before the run.",
            "",
        ]
    )


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Measurements with one visitor.")] = 15,
    visitors: Annotated[int, typer.Option(min=1, help="Number of simultaneous visitors.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long they stay.")] = 60,
    every: Annotated[float, typer.Option(min=1, help="Seconds between a visitor's images.")] = 5,
    write: Annotated[bool, typer.Option(help="Update frontend/README.md.")] = True,
) -> None:
    """Measure how long visitors of the page wait, one at a time and many at once."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        one = one_visitor.measure(rounds, Path(folder))
    text = report(one, many_visitors.measure(visitors, seconds, every), load)
    console.print(text, markup=False)
    if write:
        write_between_markers(PAGE, "figures", text)


if __name__ == "__main__":
    run(main)
