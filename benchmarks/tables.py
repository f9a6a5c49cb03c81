"""`python -m benchmarks.tables`: brings the tables that programs wrote into the pages that show them.

Between `<!-- table of PATH -->` and `<!-- /table -->` stands the first table of the page PATH, and before it the plot
that it shows, if any.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import Final

from benchmarks.processes import ROOT

PLACE: Final = re.compile(r"(<!-- table of (\S+) -->\n).*?(<!-- /table -->)", re.DOTALL)
TABLE: Final = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
PICTURE: Final = re.compile(r"!\[(.*?)\]\((.+?)\)")


def brought_in(page: Path) -> str:
    """The page's text, with every table as its source has it now."""
    return PLACE.sub(lambda found: found[1] + shown(ROOT / found[2], page.parent) + found[3], page.read_text("utf-8"))


def shown(source: Path, folder: Path) -> str:
    """The first table of `source`, and its plot as seen from `folder`; raises ValueError where there is no table."""
    text = source.read_text("utf-8")
    table = TABLE.search(text)
    if not table:
        raise ValueError(f"{source.relative_to(ROOT)} has no table")
    picture = PICTURE.search(text, 0, table.start())
    if not picture:
        return table[0]
    path = os.path.relpath(source.parent / picture[2], folder)
    return f"![{picture[1]}]({path})\n\n{table[0]}"


def write_between_markers(path: Path, name: str, text: str) -> bool:
    """Put `text` between `<!-- NAME -->` and `<!-- /NAME -->` of a page; False where it has no such markers."""
    if not path.is_file():
        return False
    page = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    changed, count = pattern.subn(lambda found: f"{found[1]}{text}{found[2]}", page)
    if count:
        path.write_text(changed, encoding="utf-8")
    return bool(count)


def main() -> None:
    for page in pages():
        page.write_text(brought_in(page), encoding="utf-8")


def pages() -> list[Path]:
    """Those that may show tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


if __name__ == "__main__":
    main()
