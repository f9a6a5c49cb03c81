"""Rules on `$ref`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import is_openapi_3
from gateway.document.fields import is_data, is_endless, mapping, reference_target


def references_resolve(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for place, reference in _references(document, (), set()):
        if not reference.startswith("#"):
            yield Diagnostic(
                place,
                f"{reference!r} is an external reference, which Google rejects",
                "copy its target into this document",
            )
        elif _is_of_a_schema(place) and not is_openapi_3(document) and not reference.startswith("#/definitions/"):
            remedy = "move its target to `definitions`"
            yield Diagnostic(place, f"{reference!r} does not begin with '#/definitions/'", remedy)
        elif is_endless(document, reference):
            yield Diagnostic(
                place, f"{reference!r} leads back to itself or too far", "write a reference to an actual value"
            )
        elif reference != "#" and reference_target(document, unquote(reference)) is None:
            section = reference.removeprefix("#/").partition("/")[0]
            # Google accepts a reference to a name that is missing, but not to a section that is.
            yield Diagnostic(
                place,
                f"{reference!r} does not exist",
                f"add it, or refer to one of {', '.join(list(mapping(document, section))[:5]) or 'the definitions'}",
                fatal=section not in document,
            )


def _is_of_a_schema(place: Place) -> bool:
    return "schema" in place or place[0] == "definitions"


def _references(node: Any, place: Place, seen: set[int]) -> Iterator[tuple[Place, str]]:
    """Every `$ref`, except in examples and where it is the name of a property."""
    if not isinstance(node, (Mapping, list)) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _references(item, (*place, index), seen)
        return
    if isinstance(node.get("$ref"), str) and (not place or place[-1] != "properties"):
        yield (*place, "$ref"), node["$ref"]
    for key, value in node.items():
        if not is_data(place, key):
            yield from _references(value, (*place, key), seen)
