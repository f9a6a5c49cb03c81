"""Rules on the document as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.operations import mapping, operations, pointed_at
from gateway.problems import Place, Problem

KNOWN_EXTENSIONS = {
    "x-google-allow",
    "x-google-api-name",
    "x-google-audiences",
    "x-google-backend",
    "x-google-endpoints",
    "x-google-extensions",
    "x-google-issuer",
    "x-google-jwks_uri",
    "x-google-jwt-locations",
    "x-google-management",
    "x-google-quota",
}


def is_openapi_2(document: Mapping[str, Any]) -> Iterator[Problem]:
    if "openapi" in document:
        yield Problem(
            ("openapi",),
            "OpenAPI 3 is not run here",
            'write the document as OpenAPI 2.0 (`swagger: "2.0"`), which Google takes too',
        )
    elif document.get("swagger") != "2.0":
        shown = repr(document["swagger"]) if "swagger" in document else "missing"
        yield Problem(("swagger",), f"should be the string '2.0', not {shown}", 'write `swagger: "2.0"`, with quotes')


def has_title_and_version(document: Mapping[str, Any]) -> Iterator[Problem]:
    for field in ("title", "version"):
        value = mapping(document, "info").get(field)
        if not isinstance(value, str) or not value:
            place: Place = ("info", field) if isinstance(document.get("info"), Mapping) else ("info",)
            remedy = f"write `{field}: …`" if value is None else f'write `{field}: "{value}"`, with quotes'
            yield Problem(place, f"{field} is missing" if value is None else f"{field} is no string", remedy)


def host_is_a_name(document: Mapping[str, Any]) -> Iterator[Problem]:
    host = document.get("host")
    if host is None:
        return
    if not isinstance(host, str) or not host:
        yield Problem(("host",), "is no name", "write the host's name, or leave `host` out")
    elif "/" in host or "://" in host:
        yield Problem(("host",), f"{host!r} is more than a name", "leave the scheme and the path out")
    elif ":" in host:
        yield Problem(("host",), f"{host!r} has a port, which Google refuses", f"write {host.partition(':')[0]}")


def base_path_is_a_path(document: Mapping[str, Any]) -> Iterator[Problem]:
    base = document.get("basePath")
    if base is None:
        return
    if not isinstance(base, str) or not base.startswith("/"):
        yield Problem(("basePath",), f"{base!r} does not begin with '/'", "write it as /v1, or leave it out")
    elif "{" in base:
        yield Problem(("basePath",), "has a variable", "put the variable into each path")


def schemes_are_http(document: Mapping[str, Any]) -> Iterator[Problem]:
    schemes = document.get("schemes", ["https"])
    if not isinstance(schemes, list):
        yield Problem(("schemes",), "is no list", "write `schemes: [https]`")
        return
    for index, scheme in enumerate(schemes):
        if scheme not in ("http", "https"):
            yield Problem(("schemes", index), f"{scheme!r} is not served", "write http or https")


def references_lead_somewhere(document: Mapping[str, Any]) -> Iterator[Problem]:
    for place, reference in _references(document, (), set()):
        if not reference.startswith("#"):
            yield Problem(
                place, f"{reference!r} leads out of the document, which Google refuses", "copy what it names into here"
            )
        elif reference != "#" and pointed_at(document, unquote(reference)) is None:
            yield Problem(place, f"{reference!r} leads nowhere", "write a pointer such as #/definitions/Name")


def _references(node: Any, place: Place, seen: set[int]) -> Iterator[tuple[Place, str]]:
    """Every `$ref` but those that are examples or names of properties; what aliases share is seen once."""
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
        if key not in ("example", "examples", "default", "enum") or place[-1:] == ("properties",):
            yield from _references(value, (*place, key), seen)


def extensions_are_known(document: Mapping[str, Any]) -> Iterator[Problem]:
    places: list[tuple[Place, Mapping[str, Any]]] = [((), document)]
    places += [
        (("paths", path), item) for path, item in mapping(document, "paths").items() if isinstance(item, Mapping)
    ]
    places += [(operation.place, operation.fields) for operation in operations(document)]
    for name, scheme in mapping(document, "securityDefinitions").items():
        if isinstance(scheme, Mapping):
            places.append((("securityDefinitions", name), scheme))
    for place, fields in places:
        for key in fields:
            if key.startswith("x-google-") and key not in KNOWN_EXTENSIONS:
                yield Problem((*place, key), "is no extension that is known here", "check its spelling", fatal=False)


def undefined_paths_stay_closed(document: Mapping[str, Any]) -> Iterator[Problem]:
    if document.get("x-google-allow", "configured") != "configured":
        yield Problem(
            ("x-google-allow",),
            "lets paths through that the document does not define, which a gateway does not do",
            "define them, for example as /{path=**}",
        )


def endpoints_are_ignored(document: Mapping[str, Any]) -> Iterator[Problem]:
    if "x-google-endpoints" in document:
        yield Problem(
            ("x-google-endpoints",),
            "is read by Cloud Endpoints, not by a gateway: nothing follows from it here",
            "declare `options` operations where browsers call, and leave it out",
            fatal=False,
        )
