"""Reads a document's operations and what they inherit. Malformed parts are skipped here; the rules report them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.diagnostics import Place
from gateway.document.dialect import BACKEND, MANAGEMENT, base_path, is_openapi_3
from gateway.document.fields import mapping
from gateway.document.path_template import PathTemplate, parse_path_template

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True)
class OperationObject:
    """An Operation Object of the document (see the OpenAPI specification); `path` includes the base path."""

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
    """The path with the base path in front."""
    return base_path(document) + path


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
        if BACKEND in fields:
            return (*place, BACKEND), fields[BACKEND]
    return operation.place, None


def backend_extensions(document: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Every `x-google-backend` of the document, and its place."""
    if BACKEND in document:
        yield (BACKEND,), document[BACKEND]
    for path, item in mapping(document, "paths").items():
        if isinstance(item, Mapping) and BACKEND in item:
            yield ("paths", path, BACKEND), item[BACKEND]
    for operation in operations(document):
        if BACKEND in operation.fields:
            yield (*operation.place, BACKEND), operation.fields[BACKEND]


def backends(document: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Every backend that the document defines, and its place."""
    if not is_openapi_3(document):
        yield from backend_extensions(document)
        return
    for name, fields in mapping(document, MANAGEMENT, "backends").items():
        yield (MANAGEMENT, "backends", name), fields


def security(document: Mapping[str, Any], operation: OperationObject) -> tuple[Place, list[Mapping[str, Any]]]:
    """The security requirements of the operation, of which a request must meet one, and their place."""
    own = "security" in operation.fields
    place: Place = (*operation.place, "security") if own else ("security",)
    found = (operation.fields if own else document).get("security")
    return place, [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
