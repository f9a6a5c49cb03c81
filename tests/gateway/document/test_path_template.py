"""Parsing path templates; `rules/test_paths.py` has the invalid ones."""

import pytest

from gateway.document.path_template import PathTemplate, Variable, parse_path_template


@pytest.mark.parametrize(
    ("text", "segments", "variables", "verb"),
    [
        pytest.param("/", (), (), "", id="root"),
        pytest.param("/a/b", ("a", "b"), (), "", id="literals"),
        pytest.param("/a/b/", ("a", "b"), (), "", id="a-trailing-slash-is-ignored"),
        pytest.param("/a/{b}", ("a", "*"), (Variable("b", 1, 2),), "", id="variable"),
        pytest.param("/a/{b=*}/c", ("a", "*", "c"), (Variable("b", 1, 2),), "", id="explicit-variable"),
        pytest.param("/a/{b=**}", ("a", "**"), (Variable("b", 1, -1),), "", id="wildcard"),
        pytest.param("/a/{b=**}/c", ("a", "**", "c"), (Variable("b", 1, -2),), "", id="wildcard-before-a-literal"),
        pytest.param("/{b=c/*}/d", ("c", "*", "d"), (Variable("b", 0, 2),), "", id="variable-over-two-segments"),
        pytest.param("/a/{b}:go", ("a", "*"), (Variable("b", 1, 2),), "go", id="verb"),
        pytest.param("/a:b", ("a:b",), (), "", id="a-colon-in-a-literal-is-not-a-verb"),
        pytest.param("/a%2Fb/~-._", ("a%2Fb", "~-._"), (), "", id="characters-that-stay-encoded"),
    ],
)
def test_a_template_is_parsed(text: str, segments: tuple[str, ...], variables: tuple[Variable, ...], verb: str) -> None:
    assert parse_path_template(text) == PathTemplate(text, segments, variables, verb)
