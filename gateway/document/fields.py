"""Reads parts of a document. A part that is missing or of another type is empty here; the rules report it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Where the keys are names: `default` is then no default value.
NAMES = ("properties", "responses", "definitions", "schemas", "parameters")
DATA = ("example", "examples", "default", "enum")
# The time to follow references grows with the square of their number.
MAX_REFERENCES = 100


def mapping(node: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping under `keys`, or an empty one."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def items(node: Any, *keys: str) -> list[Any]:
    """The list under `keys`, or an empty one."""
    *above, last = keys
    found = mapping(node, *above).get(last)
    return found if isinstance(found, list) else []


def is_data(place: tuple[str | int, ...], key: str) -> bool:
    """Whether the value under `key` is an example or the like, in which `$ref` has no meaning."""
    return key in DATA and (not place or place[-1] not in NAMES)


def resolved(document: Mapping[str, Any], value: Any) -> Any:
    """The target of a `$ref` within the document; the value itself if it has none or the target is missing."""
    for _ in range(MAX_REFERENCES):
        if not isinstance(value, Mapping) or not isinstance(reference := value.get("$ref"), str):
            break
        target = reference_target(document, reference)
        if target is None:
            break
        value = target
    return value


def is_endless(document: Mapping[str, Any], reference: str) -> bool:
    """Whether the reference leads to itself, or through many others, by references and the items of lists alone."""
    for _ in range(MAX_REFERENCES):
        target = reference_target(document, reference)
        while isinstance(target, Mapping) and "$ref" not in target:
            target = target.get("items")
        following = target.get("$ref") if isinstance(target, Mapping) else None
        if not isinstance(following, str):
            return False
        reference = following
    return True


def reference_target(document: Any, reference: str) -> Any:
    """The value at a reference such as `#/definitions/x`, or None."""
    if not reference.startswith("#/"):
        return None
    node = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and len(key) < 10 and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node
