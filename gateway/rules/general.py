"""Rules on the document as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.diagnostics import Diagnostic, Place
from gateway.operations import mapping, operations, reference_target

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


def is_openapi_2(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if "openapi" in document:
        yield Diagnostic(
            ("openapi",),
            "OpenAPI 3 is not supported here",
            'convert it to OpenAPI 2.0 (`swagger: "2.0"`), which Google also accepts',
        )
    elif document.get("swagger") != "2.0":
        shown = repr(document["swagger"]) if "swagger" in document else "missing"
        yield Diagnostic(
            ("swagger",), f"should be the string '2.0', not {shown}", 'write `swagger: "2.0"`, with quotes'
        )


def has_title_and_version(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for field in ("title", "version"):
        value = mapping(document, "info").get(field)
        if not isinstance(value, str) or not value:
            place: Place = ("info", field) if isinstance(document.get("info"), Mapping) else ("info",)
            remedy = f"write `{field}: …`" if value is None else f'write `{field}: "{value}"`, with quotes'
            yield Diagnostic(place, f"{field} is missing" if value is None else f"{field} must be a string", remedy)


def host_is_a_host_name(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    host = document.get("host")
    if host is None:
        return
    if not isinstance(host, str) or not host:
        yield Diagnostic(("host",), "must be a host name", "write a host name, or remove `host`")
    elif "/" in host or "://" in host:
        yield Diagnostic(("host",), f"{host!r} is not a host name", "remove the scheme and the path")
    elif ":" in host:
        yield Diagnostic(("host",), f"{host!r} has a port, which Google rejects", f"write {host.partition(':')[0]}")


def base_path_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    base = document.get("basePath")
    if base is None:
        return
    if not isinstance(base, str) or not base.startswith("/"):
        yield Diagnostic(("basePath",), f"{base!r} does not begin with '/'", "write it as /v1, or remove it")
    elif "{" in base:
        yield Diagnostic(("basePath",), "contains a variable", "move the variable into each path")


def schemes_are_http(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    schemes = document.get("schemes", ["https"])
    if not isinstance(schemes, list):
        yield Diagnostic(("schemes",), "must be a list", "write `schemes: [https]`")
        return
    for index, scheme in enumerate(schemes):
        if scheme not in ("http", "https"):
            yield Diagnostic(("schemes", index), f"{scheme!r} is not supported", "write http or https")


def references_resolve(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for place, reference in _references(document, (), set()):
        if not reference.startswith("#"):
            yield Diagnostic(
                place,
                f"{reference!r} is an external reference, which Google rejects",
                "copy its target into this document",
            )
        elif reference != "#" and reference_target(document, unquote(reference)) is None:
            yield Diagnostic(place, f"{reference!r} does not exist", "write a reference such as #/definitions/Name")


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
        if key not in ("example", "examples", "default", "enum") or place[-1:] == ("properties",):
            yield from _references(value, (*place, key), seen)


def extensions_are_known(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
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
                yield Diagnostic((*place, key), "unknown extension", "check its spelling", fatal=False)


def x_google_allow_is_configured(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if document.get("x-google-allow", "configured") != "configured":
        yield Diagnostic(
            ("x-google-allow",),
            "only `configured` is supported here: paths that the document does not define get 404",
            "remove it, and add a path such as /{path=**} to accept other paths",
        )


def x_google_endpoints_is_ignored(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if "x-google-endpoints" in document:
        yield Diagnostic(
            ("x-google-endpoints",),
            "is an extension of Cloud Endpoints and has no effect here",
            "declare `options` operations for CORS requests, and remove it",
            fatal=False,
        )
