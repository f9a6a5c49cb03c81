"""Clicks are handled by callbacks: whatever interrupts the run that a click started, its callback has run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT

VIEWS = sorted((ROOT / "frontend" / "views").glob("*.py"))


@pytest.mark.parametrize("path", VIEWS, ids=[path.stem for path in VIEWS])
def test_no_view_reads_a_click_from_a_button_s_return_value(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ignored = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    read = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "button"
        and id(node) not in ignored
    ]
    assert read == []
