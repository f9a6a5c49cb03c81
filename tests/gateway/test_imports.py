"""Imports: what works with any document does not need the product."""

import ast
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.process import ROOT

GATEWAY = ROOT / "gateway"
PRODUCT = GATEWAY / "product"


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_only_the_product_package_imports_other_packages() -> None:
    """`__main__` adds the product's command to the command line, where it exists."""
    for path in GATEWAY.rglob("*.py"):
        if PRODUCT in path.parents:
            continue
        names = set(imports(path))
        assert not {name for name in names if name.partition(".")[0] in ("services", "deploy", "frontend")}, path
        if path.name != "__main__.py":
            assert not {name for name in names if name.startswith("gateway.product")}, path
