"""docs/hostile.md names, for every hostile input and fault, tests that exist and run."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from benchmarks.harness.process import ROOT

CASES = range(1, 70)
ROW = re.compile(r"\| (\d+) \| .+ \| .+ \| (.+) \|")
TESTS = {
    int(row[1]): re.findall(r"`([\w/.]+::\w+)`", row[2])
    for row in map(ROW.fullmatch, (ROOT / "docs" / "hostile.md").read_text(encoding="utf-8").splitlines())
    if row
}


@cache
def functions(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_case_is_listed_once() -> None:
    assert list(TESTS) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_every_case_names_tests_that_run(case: int) -> None:
    assert TESTS[case]
    for name in TESTS[case]:
        path, _, test = name.partition("::")
        marks = [ast.unparse(decorator) for decorator in functions(path)[test].decorator_list]
        assert not [mark for mark in marks if re.search(r"mark\.(skip\b|xfail|thorough|images)", mark)]
