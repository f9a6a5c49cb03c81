"""Templates, what operations inherit, and the tree of routes."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.envoy.route_table import by_prefix, matches
from gateway.routes import Backend, Origin, Route, Translation, read_api
from gateway.template import Template, Variable, parse_template
from tests.gateway.serving import API_KEY, backend, document, operation


@pytest.mark.parametrize(
    ("text", "segments", "variables", "verb"),
    [
        pytest.param("/", (), (), "", id="root"),
        pytest.param("/a/b", ("a", "b"), (), "", id="literals"),
        pytest.param("/a/b/", ("a", "b"), (), "", id="the-last-slash-is-no-segment"),
        pytest.param("/a/{b}", ("a", "*"), (Variable("b", 1, 2),), "", id="variable"),
        pytest.param("/a/{b=*}/c", ("a", "*", "c"), (Variable("b", 1, 2),), "", id="variable-written-out"),
        pytest.param("/a/{b=**}", ("a", "**"), (Variable("b", 1, -1),), "", id="rest"),
        pytest.param("/a/{b=**}/c", ("a", "**", "c"), (Variable("b", 1, -2),), "", id="rest-before-a-literal"),
        pytest.param("/{b=c/*}/d", ("c", "*", "d"), (Variable("b", 0, 2),), "", id="variable-over-two-segments"),
        pytest.param("/a/{b}:go", ("a", "*"), (Variable("b", 1, 2),), "go", id="verb"),
        pytest.param("/a:b", ("a:b",), (), "", id="a-colon-in-a-literal-is-no-verb"),
        pytest.param("/a%2Fb/~-._", ("a%2Fb", "~-._"), (), "", id="what-the-gateway-leaves-encoded"),
    ],
)
def test_a_template_is_parsed(text: str, segments: tuple[str, ...], variables: tuple[Variable, ...], verb: str) -> None:
    assert parse_template(text) == Template(text, segments, variables, verb)


def route(text: str, method: str = "GET") -> Route:
    where = Backend(Origin("http", "x", 80), "", Translation.APPEND, 1, None, False)
    return Route(f"{method} {text}", method, parse_template(text), where, False, (), ())


def chosen(routes: list[Route], path: str) -> str | None:
    """The first route that matches, asked one after the other: what the tree must agree with."""
    return next((route.name for route in routes if matching(route, path, "/")), None)


def chosen_by_tree(routes: list[Route], path: str) -> str | None:
    """What Envoy does: the longest beginning of the path, then the first route below it."""
    tree = by_prefix(routes)
    prefix = max((prefix for prefix in tree if path.startswith(prefix)), key=len, default=None)
    if prefix is None:
        return None
    return next((route.name for route in tree[prefix] if matching(route, path, prefix)), None)


def matching(route: Route, path: str, prefix: str) -> bool:
    for match in matches(route.template, prefix):
        if match.get("path") == path:
            return True
        if "safe_regex" in match and re.fullmatch(match["safe_regex"]["regex"], path):
            return True
    return False


SEGMENTS = st.sampled_from(["a", "b", "ab", "abc", "{x}", "{y=**}", "a%2F"])
PIECES = st.sampled_from(["a", "b", "ab", "abc", "abcd", "", "a%2F", "c"])


def templates(segments: list[list[str]]) -> list[Route]:
    found: dict[Any, Route] = {}
    for number, parts in enumerate(segments):
        named = [part.replace("x", f"x{i}").replace("y", f"y{i}") for i, part in enumerate(parts)]
        if "**" in "/".join(parts) and any("{" in part for part in parts[parts.index("{y=**}") + 1 :]):
            continue
        made = route("/" + "/".join(named), f"M{number}")
        found.setdefault(made.template.shape, made)
    return sorted(found.values(), key=lambda made: made.template.order)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.lists(SEGMENTS, max_size=4), min_size=1, max_size=8), st.lists(PIECES, max_size=5))
def test_the_tree_finds_what_trying_one_after_the_other_finds(segments: list[list[str]], pieces: list[str]) -> None:
    routes = templates(segments)
    path = "/" + "/".join(pieces)
    assert chosen_by_tree(routes, path) == chosen(routes, path)


@pytest.mark.parametrize(
    ("texts", "path", "wins"),
    [
        pytest.param(["/{a}/x", "/b/{c}"], "/b/x", "/b/{c}", id="an-earlier-literal-weighs-more"),
        pytest.param(["/a/{b}", "/a/{b=**}"], "/a/1", "/a/{b}", id="one-before-rest"),
        pytest.param(["/a/{b=**}", "/a/{b=**}/c"], "/a/1/c", "/a/{b=**}/c", id="more-after-the-rest"),
        pytest.param(["/a/{b}", "/a/{b}:go"], "/a/1:go", "/a/{b}:go", id="verb-before-none"),
        pytest.param(["/{a=**}", "/a"], "/a/", "/a", id="literal-with-a-slash"),
        pytest.param(["/a/{b=**}", "/a"], "/a/", "/a", id="ended-before-an-empty-rest"),
        pytest.param(["/{a=**}", "/"], "/", "/", id="root-before-an-empty-rest"),
    ],
)
def test_the_more_literal_template_wins(texts: list[str], path: str, wins: str) -> None:
    routes = sorted((route(text) for text in texts), key=lambda made: made.template.order)
    assert chosen(routes, path) == chosen_by_tree(routes, path) == f"GET {wins}"


def test_a_thousand_operations_stand_under_a_thousand_beginnings() -> None:
    """So that none of them is looked for among the others."""
    routes = [route(f"/v1/thing{i}/{{id}}") for i in range(500)] + [route(f"/v1/other{i}") for i in range(500)]
    catch_all = route("/{path=**}")
    tree = by_prefix([*routes, catch_all])
    assert len(tree) == 1001
    assert max(map(len, tree.values())) == 2


def test_many_templates_that_begin_alike_do_not_multiply() -> None:
    routes = [route(f"/{{tenant}}/op{i}") for i in range(300)] + [route(f"/v1/x{i}") for i in range(300)]
    assert sum(map(len, by_prefix(routes).values())) == 600


def test_the_nearest_backend_holds_whole() -> None:
    described = document(
        {
            "/own": {"get": operation("http://own.test:8080/o/", "CONSTANT_ADDRESS", deadline=2.5)},
            "/path": {"get": {}, "x-google-backend": {"address": "https://path.test/p"}},
            "/document": {"get": {}},
        },
        basePath="/v1",
        **{"x-google-backend": {"address": "https://document.test/d/", "deadline": -1, "jwt_audience": "me"}},
    )
    found = {made.template.text: made.backend for made in read_api(described).routes}
    assert found == {
        "/v1/own": Backend(Origin("http", "own.test", 8080), "/o", Translation.CONSTANT, 2500, None, False),
        "/v1/path": Backend(
            Origin("https", "path.test", 443), "/p", Translation.CONSTANT, 15000, "https://path.test/p", False
        ),
        "/v1/document": Backend(Origin("https", "document.test", 443), "/d", Translation.APPEND, 15000, "me", False),
    }


@pytest.mark.parametrize(
    ("deadline", "milliseconds"),
    [(0.0004, 1), (0.0014, 1), (1.2345, 1234), (0, 15000), (-3, 15000), (600, 600_000)],
)
def test_a_deadline_is_rounded_to_milliseconds(deadline: float, milliseconds: int) -> None:
    [made] = read_api(document({"/x": {"get": operation("http://x.test", deadline=deadline)}})).routes
    assert made.backend.deadline_ms == milliseconds


def test_security_is_the_documents_unless_the_operation_has_its_own() -> None:
    described = document(
        {"/a": {"get": {}}, "/b": {"get": {"security": []}}},
        security=[{"api_key": []}],
        securityDefinitions=API_KEY,
        **{"x-google-backend": backend("http://x.test")},
    )
    assert {made.template.text: made.needs_key for made in read_api(described).routes} == {"/a": True, "/b": False}
