"""Markdown tables, and the markers between which programs write them.

`make tables` runs this module, which copies tables into the pages that show them: `<!-- table of PATH -->` and
`<!-- /table -->` enclose the first table of the page PATH, preceded by its plot if it has one.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.harness.process import ROOT

COPY: Final = re.compile(r"(<!-- table of (\S+) -->\n).*?(<!-- /table -->)", re.DOTALL)
TABLE: Final = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
PLOT: Final = re.compile(r"!\[(.*?)\]\((.+?)\)")


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(headings: Sequence[str], rows: Iterable[Iterable[object]], numbers: int | None = None) -> list[str]:
    """The lines of a Markdown table; columns from the index `numbers` on are right-aligned."""
    first = len(headings) if numbers is None else numbers
    rule = "|".join("---" if index < first else "---:" for index in range(len(headings)))
    return [row(*headings), f"|{rule}|", *(row(*cells) for cells in rows)]


def milliseconds(seconds: float, digits: int = 2) -> str:
    return f"{seconds * 1e3:,.{digits}f} ms"


def mebibytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def with_tables(page: Path) -> str:
    """The page's text, its copied tables replaced by what their sources now contain."""
    text = page.read_text("utf-8")
    return COPY.sub(lambda found: found[1] + first_table(ROOT / found[2], page.parent) + found[3], text)


def first_table(source: Path, folder: Path) -> str:
    """The first table of `source` and the plot before it, linked from `folder`; raises ValueError without a table."""
    text = source.read_text("utf-8")
    found = TABLE.search(text)
    if not found:
        raise ValueError(f"{source} has no table")
    plot = PLOT.search(text, 0, found.start())
    if not plot:
        return found[0]
    return f"![{plot[1]}]({os.path.relpath(source.parent / plot[2], folder)})\n\n{found[0]}"


def write_between_markers(path: Path, name: str, text: str) -> bool:
    """Put `text` between `<!-- NAME -->` and `<!-- /NAME -->`; False if the page has no such markers."""
    if not path.is_file():
        return False
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    changed, count = pattern.subn(lambda found: f"{found[1]}{text}{found[2]}", path.read_text("utf-8"))
    if count:
        path.write_text(changed, "utf-8")
    return bool(count)


def pages() -> list[Path]:
    """Pages that may contain copied tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


if __name__ == "__main__":
    for page in pages():
        page.write_text(with_tables(page), "utf-8")
