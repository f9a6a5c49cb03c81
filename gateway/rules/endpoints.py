"""Rules on the extensions of Cloud Endpoints that API Gateway shares: `x-google-allow` and `x-google-endpoints`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import allows_cors, is_openapi_3, server

FIELDS = ("name", "aliases", "target", "allowCors", "allow_cors")


def x_google_allow_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    allow = document.get("x-google-allow", "configured")
    place = ("x-google-allow",)
    if not isinstance(allow, str) or allow.lower() not in ("all", "configured"):
        yield Diagnostic(place, f"{allow!r} is neither all nor configured", "write all or configured")
    elif allow.lower() == "all":
        if not isinstance(document.get("x-google-backend"), Mapping):
            yield Diagnostic(
                place,
                "all needs a backend for requests that match no operation",
                "add `x-google-backend: {address: …}` to the document",
            )
        yield Diagnostic(
            place,
            "all passes requests that match no operation to the backend, without a key or token",
            "remove it unless you mean that",
            fatal=False,
        )


def x_google_endpoints_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if "x-google-endpoints" not in document:
        return
    place: Place = ("x-google-endpoints",)
    found = document["x-google-endpoints"]
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        yield Diagnostic(place, "must be a list of mappings", "write `x-google-endpoints: [{name: HOST}]`")
        return
    if len(found) > 1:
        yield Diagnostic((*place, 1), "Google accepts at most one entry", "keep one")
    for index, entry in enumerate(found):
        yield from _endpoint((*place, index), entry, document.get("host"))


def _endpoint(place: Place, entry: Mapping[str, Any], host: Any) -> Iterator[Diagnostic]:
    for key in entry:
        if key not in FIELDS:
            yield Diagnostic((*place, key), f"{key} is not a field of x-google-endpoints", f"use {', '.join(FIELDS)}")
    name = entry.get("name")
    if not isinstance(name, str) or (isinstance(host, str) and name.lower() != host.lower()):
        yield Diagnostic((*place, "name"), f"{name!r} is not the document's host", f"write `name: {host or 'HOST'}`")
    for key in ("allowCors", "allow_cors"):
        if entry.get(key, False) not in (True, False, "true", "false"):
            yield Diagnostic((*place, key), f"{entry[key]!r} is not a boolean", "write true or false")


def cors_is_passed_on(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if allows_cors(document):
        yield Diagnostic(
            server(document)[0] if is_openapi_3(document) else ("x-google-endpoints", 0),
            "allowCors passes OPTIONS requests to the backend without a key, as ESPv2 does; API Gateway may ignore it",
            "declare `options` operations to be sure",
            fatal=False,
        )
