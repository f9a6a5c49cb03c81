"""The tree of routes, compared with trying all routes in order."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import Backend, Operation, PathTranslation
from gateway.document.path_template import parse_path_template
from gateway.envoy.routes import by_prefix, matches
from gateway.origin import Origin


def operation(text: str, method: str = "GET") -> Operation:
    backend = Backend(Origin("http", "x", 80), "", PathTranslation.APPEND, 1, None, False)
    return Operation(f"{method} {text}", method, parse_path_template(text), backend, False, (), ())


def chosen(operations: list[Operation], path: str) -> str | None:
    """The first operation that matches."""
    return next((operation.name for operation in operations if matching(operation, path, "/")), None)


def chosen_by_tree(operations: list[Operation], path: str) -> str | None:
    """As Envoy chooses: the longest prefix of the path in the tree, then the first match below it."""
    tree = by_prefix(operations)
    prefix = max((prefix for prefix in tree if path.startswith(prefix)), key=len, default=None)
    if prefix is None:
        return None
    return next((operation.name for operation in tree[prefix] if matching(operation, path, prefix)), None)


def matching(operation: Operation, path: str, prefix: str) -> bool:
    for match in matches(operation.template, prefix):
        if match.get("path") == path:
            return True
        if "safe_regex" in match and re.fullmatch(match["safe_regex"]["regex"], path):
            return True
    return False


SEGMENTS = st.sampled_from(["a", "b", "ab", "abc", "{x}", "{y=**}", "a%2F"])
PIECES = st.sampled_from(["a", "b", "ab", "abc", "abcd", "", "a%2F", "c"])


def templates(segments: list[list[str]]) -> list[Operation]:
    found: dict[Any, Operation] = {}
    for number, parts in enumerate(segments):
        named = [part.replace("x", f"x{i}").replace("y", f"y{i}") for i, part in enumerate(parts)]
        if "**" in "/".join(parts) and any("{" in part for part in parts[parts.index("{y=**}") + 1 :]):
            continue
        made = operation("/" + "/".join(named), f"M{number}")
        found.setdefault(made.template.shape, made)
    return sorted(found.values(), key=lambda made: made.template.order)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.lists(SEGMENTS, max_size=4), min_size=1, max_size=8), st.lists(PIECES, max_size=5))
def test_the_tree_chooses_the_first_operation_that_matches(segments: list[list[str]], pieces: list[str]) -> None:
    operations = templates(segments)
    path = "/" + "/".join(pieces)
    assert chosen_by_tree(operations, path) == chosen(operations, path)


@pytest.mark.parametrize(
    ("texts", "path", "wins"),
    [
        pytest.param(["/{a}/x", "/b/{c}"], "/b/x", "/b/{c}", id="an-earlier-literal-weighs-more"),
        pytest.param(["/a/{b}", "/a/{b=**}"], "/a/1", "/a/{b}", id="variable-before-wildcard"),
        pytest.param(["/a/{b=**}", "/a/{b=**}/c"], "/a/1/c", "/a/{b=**}/c", id="literal-after-the-wildcard"),
        pytest.param(["/a/{b}", "/a/{b}:go"], "/a/1:go", "/a/{b}:go", id="verb-before-no-verb"),
        pytest.param(["/{a=**}", "/a"], "/a/", "/a", id="literal-with-a-slash"),
        pytest.param(["/a/{b=**}", "/a"], "/a/", "/a", id="shorter-before-an-empty-wildcard"),
        pytest.param(["/{a=**}", "/"], "/", "/", id="root-before-an-empty-wildcard"),
    ],
)
def test_the_more_literal_template_wins(texts: list[str], path: str, wins: str) -> None:
    operations = sorted((operation(text) for text in texts), key=lambda made: made.template.order)
    assert chosen(operations, path) == chosen_by_tree(operations, path) == f"GET {wins}"


def test_operations_with_different_prefixes_are_not_searched_one_by_one() -> None:
    operations = [operation(f"/v1/thing{i}/{{id}}") for i in range(500)] + [
        operation(f"/v1/other{i}") for i in range(500)
    ]
    catch_all = operation("/{path=**}")
    tree = by_prefix([*operations, catch_all])
    assert len(tree) == 1001
    assert max(map(len, tree.values())) == 2


def test_templates_that_begin_with_a_variable_are_not_repeated_under_each_prefix() -> None:
    operations = [operation(f"/{{tenant}}/op{i}") for i in range(300)] + [operation(f"/v1/x{i}") for i in range(300)]
    assert sum(map(len, by_prefix(operations).values())) == 600
