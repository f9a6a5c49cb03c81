"""The page's figures in docs/page.md: `python -m benchmarks.page_report [--rounds 15] [--seconds 60]`."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path

from benchmarks import page, visitors
from tests.running import ROOT

DOCUMENT = ROOT / "docs" / "page.md"
PLACE = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def table(browser: dict[str, dict[str, float]], crowd: visitors.Figures, load: float) -> str:
    """The figures as Markdown."""
    times = (
        ("first useful paint, browser never here before", "paint_first", "< 2 s"),
        ("first useful paint, browser here before", "paint_again", ""),
        ("an answer on the screen after the gateway gave it", "drawn", "< 150 ms"),
        ("three models compared, beyond the slowest of them", "comparing", "not the sum"),
    )
    lines = ["| | median | p95 | largest | wanted |", "|---|---|---|---|---|"]
    for words, key, wanted in times:
        one = browser[key]
        lines.append(f"| {words} | {one['median']:.0f} ms | {one['p95']:.0f} ms | {one['max']:.0f} ms | {wanted} |")
    lines.append(
        f"| {crowd.visitors} visitors, {crowd.pictures} pictures: the page's own overhead | {crowd.overhead_p50:.0f} ms"
        f" | {crowd.overhead_p95:.0f} ms | {crowd.overhead_max:.0f} ms | p95 < 300 ms |"
    )
    return "\n".join(
        [
            *lines,
            "",
            f"Errors among the {crowd.visitors} visitors: {crowd.errors}. Memory of the page's process:"
            f" {crowd.memory_start:.0f} MiB before they came,"
            f" {crowd.memory_half:.0f} MiB halfway, {crowd.memory_end:.0f} MiB at the end; processor:"
            f" {crowd.cpu_share:.0%} of one core, beside {crowd.cpu_share_visitors:.0%} for the visitors (who come to"
            f" what they are sent {crowd.late_p95:.1f} ms late, p95) and {crowd.cpu_share_gateway:.0%} for the gateway."
            f" {os.cpu_count()} cores, load {load:.1f} before the measurement.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=60)
    wanted = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        browser = page.measured(wanted.rounds, Path(folder))
    crowd = visitors.measured(50, wanted.seconds, 5)
    text = table(browser, crowd, load)
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(PLACE.sub(lambda found: found[1] + text + found[2], document), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
