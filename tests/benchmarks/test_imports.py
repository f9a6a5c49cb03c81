from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_benchmark_imports_the_tests(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        assert not [name for name in names if name.split(".")[0] == "tests"]
