"""The document names every error code of the services."""

from __future__ import annotations

import ast

from benchmarks.harness.process import ROOT


def declared_codes() -> set[str]:
    """Every `code` in the services' problems: `status, code = HTTPStatus.X, "code"`."""
    found = set()
    for source in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Tuple)
                and isinstance(node.targets[0], ast.Tuple)
            ):
                names = [target.id for target in node.targets[0].elts if isinstance(target, ast.Name)]
                values = dict(zip(names, node.value.elts, strict=False))
                if isinstance(code := values.get("code"), ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return found


def test_the_document_names_every_code_of_the_services() -> None:
    document = (ROOT / "gateway" / "openapi.yaml").read_text(encoding="utf-8")
    codes = declared_codes()
    assert {"overloaded", "body_too_large", "image_corrupt"} <= codes
    assert {code for code in codes if f"`{code}`" not in document} == set()
