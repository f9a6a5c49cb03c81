"""Reads a document's operations and what they inherit. Malformed parts are skipped here; the rules report them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.diagnostics import Place
from gateway.path_template import PathTemplate, parse_path_template

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True)
class OperationObject:
    """An Operation Object of the document (see the OpenAPI specification); `path` includes the basePath."""

    place: Place
    path: str
    method: str
    fields: Mapping[str, Any]
    path_item: Mapping[str, Any]


def operations(document: Mapping[str, Any]) -> Iterator[OperationObject]:
    """Every operation that is a mapping, in the order of the document."""
    for path, item in mapping(document, "paths").items():
        if path.startswith("x-") or not isinstance(item, Mapping):
            continue
        for method in METHODS:
            fields = item.get(method)
            if isinstance(fields, Mapping):
                yield OperationObject(("paths", path, method), whole_path(document, path), method, fields, item)


def whole_path(document: Mapping[str, Any], path: str) -> str:
    """The path with the basePath in front."""
    base = document.get("basePath")
    return (base.rstrip("/") if isinstance(base, str) else "") + path


@lru_cache(maxsize=4096)
def path_template(path: str) -> PathTemplate:
    """`parse_path_template` with a cache."""
    return parse_path_template(path)


def backend(document: Mapping[str, Any], operation: OperationObject) -> tuple[Place, Any]:
    """The operation's `x-google-backend` and its place: its own, else the path's, else the document's; never merged.

    None if there is none.
    """
    levels = ((operation.place, operation.fields), (operation.place[:-1], operation.path_item), ((), document))
    for place, fields in levels:
        if "x-google-backend" in fields:
            return (*place, "x-google-backend"), fields["x-google-backend"]
    return operation.place, None


def security(document: Mapping[str, Any], operation: OperationObject) -> tuple[Place, list[Mapping[str, Any]]]:
    """The security requirements of the operation, of which a request must meet one, and their place."""
    own = "security" in operation.fields
    place: Place = (*operation.place, "security") if own else ("security",)
    found = (operation.fields if own else document).get("security")
    return place, [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def extension(scheme: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The extension of a security definition, and the name it has there: `x-google-issuer` or the old `x-issuer`."""
    old = name.replace("x-google-", "x-")
    key = old if name not in scheme and old in scheme else name
    return key, scheme.get(key)


def resolved(document: Mapping[str, Any], value: Any) -> Any:
    """The target of a `$ref` within the document; the value itself if it has none or the target is missing."""
    seen: set[str] = set()
    while isinstance(value, Mapping) and isinstance(reference := value.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        target = reference_target(document, reference)
        if target is None:
            return value
        value = target
    return value


def is_endless(document: Mapping[str, Any], reference: str) -> bool:
    """Whether the reference leads to itself through other references alone."""
    seen: set[str] = set()
    while reference not in seen:
        seen.add(reference)
        target = reference_target(document, reference)
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
