"""`python -m benchmarks.page`: what visitors of the page wait for, as the table in frontend/README.md."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.page import browser, crowd
from benchmarks.processes import ROOT
from benchmarks.shell import run
from benchmarks.tables import write_between_markers

PAGE = ROOT / "frontend" / "README.md"


def table(alone: dict[str, dict[str, float]], many: crowd.Figures, load: float) -> str:
    """The figures as Markdown."""
    times = (
        ("first useful paint, browser never here before", "paint_first", "< 2 s"),
        ("first useful paint, browser here before", "paint_again", ""),
        ("an answer on the screen after the gateway gave it", "drawn", "< 150 ms"),
        ("three models compared, beyond the slowest of them", "comparing", "not the sum"),
    )
    lines = ["| | median | p95 | largest | wanted |", "|---|---|---|---|---|"]
    for words, key, wanted in times:
        one = alone[key]
        lines.append(f"| {words} | {one['median']:.0f} ms | {one['p95']:.0f} ms | {one['max']:.0f} ms | {wanted} |")
    lines.append(
        f"| {many.visitors} visitors, {many.pictures} pictures: the page's own overhead | {many.overhead_p50:.0f} ms"
        f" | {many.overhead_p95:.0f} ms | {many.overhead_max:.0f} ms | p95 < 300 ms |"
    )
    return "\n".join(
        [
            *lines,
            "",
            f"Errors among the {many.visitors} visitors: {many.errors}. Memory of the page's process:"
            f" {many.memory_start:.0f} MiB before they came,"
            f" {many.memory_half:.0f} MiB halfway, {many.memory_end:.0f} MiB at the end; processor:"
            f" {many.cpu_share:.0%} of one core, beside {many.cpu_share_visitors:.0%} for the visitors (who come to"
            f" what they are sent {many.late_p95:.1f} ms late, p95) and {many.cpu_share_gateway:.0%} for the gateway."
            f" {os.cpu_count()} cores, load {load:.1f} before the measurement.",
            "",
        ]
    )


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often one visitor's waits are measured.")] = 15,
    visitors: Annotated[int, typer.Option(min=1, help="How many come at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long they stay.")] = 60,
    every: Annotated[float, typer.Option(min=1, help="Seconds between one visitor's pictures.")] = 5,
    write: Annotated[bool, typer.Option(help="Bring frontend/README.md up to date.")] = True,
) -> None:
    """Measure what visitors of the page wait for, one at a time and many at once."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        alone = browser.measured(rounds, Path(folder))
    text = table(alone, crowd.measured(visitors, seconds, every), load)
    print(text)
    if write:
        write_between_markers(PAGE, "figures", text)


if __name__ == "__main__":
    run(main)
