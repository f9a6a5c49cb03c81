from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness import tables
from benchmarks.harness.tables import first_table, table, with_tables, write_between_markers


def test_columns_from_the_given_one_on_are_right_aligned() -> None:
    assert table(("", "a", "b"), [("x", 1, 2)], numbers=1) == ["|  | a | b |", "|---|---:|---:|", "| x | 1 | 2 |"]


def test_columns_are_left_aligned_by_default() -> None:
    assert table(("a", "b"), [])[1] == "|---|---|"


def test_only_the_text_between_the_named_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- /one -->\n<!-- two -->\nkept\n<!-- /two -->\nafter\n")
    assert write_between_markers(page, "one", "new \\1\n")
    expected = "before\n<!-- one -->\nnew \\1\n<!-- /one -->\n<!-- two -->\nkept\n<!-- /two -->\nafter\n"
    assert page.read_text() == expected


@pytest.mark.parametrize("text", ["no markers\n", "<!-- other -->\n<!-- /other -->\n", None])
def test_a_page_without_the_markers_is_left_alone(tmp_path: Path, text: str | None) -> None:
    page = tmp_path / "page.md"
    if text is not None:
        page.write_text(text)
    assert not write_between_markers(page, "figures", "new\n")
    assert text is None or page.read_text() == text


def test_a_page_gets_the_first_table_and_plot_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "docs").mkdir()
    source = "text\n\n![Plot](plot.png)\n\n| a |\n|---|\n| 1 |\n\n| another |\n"
    (tmp_path / "results" / "run.md").write_text(source)
    page = tmp_path / "docs" / "page.md"
    page.write_text("<!-- table of results/run.md -->\nold\n<!-- /table -->\n")
    expected = "![Plot](../results/plot.png)\n\n| a |\n|---|\n| 1 |\n"
    assert with_tables(page) == f"<!-- table of results/run.md -->\n{expected}<!-- /table -->\n"


def test_a_source_without_a_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("no table\n")
    with pytest.raises(ValueError, match=r"page\.md has no table"):
        first_table(tmp_path / "page.md", tmp_path)
