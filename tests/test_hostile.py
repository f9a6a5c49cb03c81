"""docs/hostile.md names a test for each of the hostile inputs and faults, and these tests are there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.running import ROOT

CASES = range(1, 70)
ROW = re.compile(r"\| (\d+) \| .+ \| .+ \| (.+) \|")
NAMES = {
    int(found[1]): re.findall(r"`([\w/.]+::\w+)`", found[2])
    for found in map(ROW.fullmatch, (ROOT / "docs" / "hostile.md").read_text(encoding="utf-8").splitlines())
    if found
}


def test_every_case_is_there_once() -> None:
    assert list(NAMES) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_held_by_tests_that_run(case: int) -> None:
    assert NAMES[case]
    for name in NAMES[case]:
        path, _, test = name.partition("::")
        tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
        (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == test)
        marks = [ast.unparse(decorator) for decorator in found.decorator_list]
        assert not [mark for mark in marks if re.search(r"mark\.(skip\b|xfail|thorough|images)", mark)]
