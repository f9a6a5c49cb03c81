"""The operations of a document, with what they inherit. What is malformed is passed over here: the rules report it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.problems import Place
from gateway.template import Template, parse_template

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True)
class Operation:
    """One operation as the document writes it; `path` is the whole template, with the document's basePath."""

    place: Place
    path: str
    method: str
    fields: Mapping[str, Any]
    path_item: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What logs call it."""
        name = self.fields.get("operationId")
        return name if isinstance(name, str) and name else f"{self.method.upper()} {self.path}"


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation under a path that is written as one."""
    for path, item in mapping(document, "paths").items():
        if path.startswith("x-") or not isinstance(item, Mapping):
            continue
        for method in METHODS:
            fields = item.get(method)
            if isinstance(fields, Mapping):
                yield Operation(("paths", path, method), whole_path(document, path), method, fields, item)


def whole_path(document: Mapping[str, Any], path: str) -> str:
    """The path as a client writes it."""
    base = document.get("basePath")
    return (base.rstrip("/") if isinstance(base, str) else "") + path


@lru_cache(maxsize=4096)
def template(path: str) -> Template:
    """`parse_template`, once per path."""
    return parse_template(path)


def backend(document: Mapping[str, Any], operation: Operation) -> tuple[Place, Mapping[str, Any]] | None:
    """The `x-google-backend` that holds for the operation, and where it stands: the nearest one, whole."""
    levels = ((operation.place, operation.fields), (operation.place[:-1], operation.path_item), ((), document))
    for place, fields in levels:
        if "x-google-backend" in fields:
            found = fields["x-google-backend"]
            return ((*place, "x-google-backend"), found) if isinstance(found, Mapping) else None
    return None


def security(document: Mapping[str, Any], operation: Operation) -> tuple[Place, list[Mapping[str, Any]]]:
    """The alternatives of which a request must meet one, and where they stand."""
    own = "security" in operation.fields
    place: Place = (*operation.place, "security") if own else ("security",)
    found = (operation.fields if own else document).get("security")
    return place, [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def resolved(document: Mapping[str, Any], value: Any) -> Any:
    """What a local `$ref` leads to, or the value itself."""
    seen = 0
    while isinstance(value, Mapping) and isinstance(value.get("$ref"), str) and seen < 20:
        found = pointed_at(document, value["$ref"])
        if found is None:
            return value
        value, seen = found, seen + 1
    return value


def pointed_at(document: Any, reference: str) -> Any:
    """What `#/a/b` names in the document, or None."""
    if not reference.startswith("#/"):
        return None
    node = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
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
