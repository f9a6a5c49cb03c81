"""Text of the document never becomes a command in one of Envoy's format strings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.api import build_api
from gateway.api_keys import Key
from gateway.envoy.bootstrap import bootstrap, resources
from gateway.envoy.filters import requirement_name
from gateway.runtime import Runtime
from tests.gateway.documents import JWT, URL, document, operation, with_quota

MARK = "%ENVIRONMENT(HOME)%"
# The fields in which Envoy replaces commands.
FORMATTED = {"json_format", "text_format", "text_format_source", "format", "value"}


def strings(node: Any, formatted: bool = False) -> Iterator[tuple[str, bool]]:
    """Every string, and whether Envoy replaces commands in it."""
    if isinstance(node, str):
        yield node, formatted
    elif isinstance(node, list):
        for item in node:
            yield from strings(item, formatted)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key, formatted
            yield from strings(value, formatted or key in FORMATTED)


def test_a_marker_in_every_text_stays_literal() -> None:
    found = with_quota()
    found["paths"]["/x"]["get"] |= {"operationId": MARK, "x-google-backend": {"address": f"{URL}/{MARK}"}}
    api = build_api(found, service=MARK)
    runtime = Runtime(8080, (Key(MARK, MARK),), id_tokens={f"{URL}/{MARK}": MARK})
    texts = [pair for pair in strings(bootstrap(resources(api, runtime))) if "ENVIRONMENT" in pair[0]]
    assert any(formatted for _, formatted in texts)
    assert [text for text, formatted in texts if formatted and MARK in text.replace("%%", "")] == []


def test_no_two_requirements_have_the_same_name() -> None:
    schemes = {"a": JWT, "b": JWT, "a or b": JWT, 'a", "b': JWT}
    wanted: list[list[dict[str, list[str]]]] = [[{"a": []}, {"b": []}], [{"a or b": []}], [{'a", "b': []}]]
    paths = {f"/{number}": {"get": operation(URL) | {"security": need}} for number, need in enumerate(wanted)}
    api = build_api(document(paths, securityDefinitions=schemes))
    assert len({requirement_name(made) for made in api.operations}) == len(wanted)
