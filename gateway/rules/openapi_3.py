"""Rules on what only OpenAPI 3.x documents have, and on what is left of 2.0 in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import MANAGEMENT, camel_case_fields, metrics
from gateway.document.fields import items, mapping
from gateway.document.operations import operations
from gateway.rules.quota import limit_name_is_valid, limit_value_is_valid

MANAGEMENT_FIELDS = ("backends", "metrics", "quota", "api_name", "allow_cors")
# What Google runs and this gateway does not.
NOT_RUN_FIELDS = {"ai": "model routing", "mcp": "the MCP server"}
NOT_RUN_EXTENSIONS = {"x-google-model-router": "model routing", "x-google-mcp-tool": "the MCP server"}
# The fields of OpenAPI 2.0, and what is written instead.
FORMER_FIELDS = {
    "swagger": "remove it",
    "host": "write it as `servers: [{url: https://HOST/BASE_PATH, x-google-endpoint: {}}]`",
    "basePath": "write it as `servers: [{url: /BASE_PATH, x-google-endpoint: {}}]`",
    "schemes": "write the scheme into the URL under `servers`",
    "consumes": "write the media types into each `requestBody`",
    "produces": "write the media types into each response",
    "securityDefinitions": "move it to components.securitySchemes",
    "definitions": "move it to components.schemas",
    "parameters": "move it to components.parameters",
    "responses": "move it to components.responses",
}
FORMER_EXTENSIONS = {
    "x-google-management": f"move it to {MANAGEMENT}",
    "x-google-endpoints": "write `x-google-endpoint: {allowCors: true}` in the server",
}


def has_no_fields_of_openapi_2(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for key, remedy in FORMER_FIELDS.items():
        if key in document:
            yield Diagnostic((key,), f"{key} is a field of OpenAPI 2.0", remedy)
    for key, remedy in FORMER_EXTENSIONS.items():
        if key in document:
            yield Diagnostic((key,), f"{key} has no effect in OpenAPI 3.x", remedy, fatal=False)
    allow = str(document.get("x-google-allow", "")).lower()
    if allow:
        message = "x-google-allow is not supported in OpenAPI 3.x"
        yield Diagnostic(("x-google-allow",), message, "remove it", fatal=allow != "configured")


def servers_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Google reads only the server with `x-google-endpoint`."""
    found = document.get("servers", [])
    if not isinstance(found, list):
        yield Diagnostic(("servers",), "must be a list", "write `servers: [{url: /v1, x-google-endpoint: {}}]`")
        return
    used = [index for index, entry in enumerate(found) if "x-google-endpoint" in mapping(entry)]
    for index in used[1:]:
        message = "Google accepts x-google-endpoint in one server only"
        yield Diagnostic(("servers", index, "x-google-endpoint"), message, "keep one")
    for index in used:
        yield from _server(("servers", index), found[index])
    ignored = [(index, _path(entry)) for index, entry in enumerate(found) if index not in used and _path(entry)]
    for index, path in ignored if not used else ():
        yield Diagnostic(
            ("servers", index),
            f"Google ignores a server without x-google-endpoint, and its base path {path}",
            "add `x-google-endpoint: {}` to it if requests have the base path",
            fatal=False,
        )


def _server(place: Place, server: Mapping[str, Any]) -> Iterator[Diagnostic]:
    url = server.get("url", "/")
    here = (*place, "url")
    if not isinstance(url, str):
        yield Diagnostic(here, "must be a URL", "write https://HOST/BASE_PATH, or /BASE_PATH")
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        yield Diagnostic(here, f"{url!r} is not a valid URL", "write https://HOST/BASE_PATH, or /BASE_PATH")
        return
    if "{" in url:
        yield Diagnostic(here, "contains a variable", "write the URL that clients use")
    elif not url.startswith("/") and not (parts.scheme in ("http", "https") and parts.hostname):
        yield Diagnostic(here, f"{url!r} has no scheme and does not begin with '/'", f"write https://{url}, or /{url}")
    elif parts.query or parts.fragment:
        yield Diagnostic(here, f"{url!r} has a query or fragment", "remove it")
    endpoint = server["x-google-endpoint"]
    here = (*place, "x-google-endpoint")
    if not isinstance(endpoint, Mapping):
        yield Diagnostic(here, "must be a mapping", "write `x-google-endpoint: {}`")
    elif endpoint.get("allowCors", False) not in (True, False, "true", "false"):
        yield Diagnostic((*here, "allowCors"), f"{endpoint['allowCors']!r} is not a boolean", "write true or false")


def _path(server: Any) -> str:
    url = mapping(server).get("url")
    try:
        return urlsplit(url).path.rstrip("/") if isinstance(url, str) else ""
    except ValueError:
        return ""


def management_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    place: Place = (MANAGEMENT,)
    found = document.get(MANAGEMENT)
    if not isinstance(found, Mapping):
        remedy = f"write `{MANAGEMENT}: {{backends: {{NAME: {{address: https://…}}}}}}`"
        yield Diagnostic(place, "is required" if found is None else "must be a mapping", remedy)
        return
    fields = camel_case_fields(found)
    for key in sorted(fields.keys() - set(MANAGEMENT_FIELDS)):
        here = (*place, fields.spelled(key))
        if key in NOT_RUN_FIELDS:
            yield Diagnostic(here, f"{NOT_RUN_FIELDS[key]} is not run here", "remove it to run the rest")
        else:
            known = ", ".join(map(fields.spelled, MANAGEMENT_FIELDS))
            yield Diagnostic(here, f"{key!r} is not a field of {MANAGEMENT}", f"use {known}")
    for key in ("backends", "metrics", "quota"):
        if not isinstance(found.get(key, {}), Mapping):
            yield Diagnostic((*place, key), "must be a mapping", f"write `{key}: {{NAME: {{…}}}}`")


def extensions_are_run_here(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for operation in operations(document):
        for key, feature in NOT_RUN_EXTENSIONS.items():
            if key in operation.fields:
                yield Diagnostic((*operation.place, key), f"{feature} is not run here", "remove it to run the rest")


def named_limits_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    known = metrics(document)
    quota: Place = (MANAGEMENT, "quota")
    for key in mapping(document, MANAGEMENT, "quota"):
        if key != "limits":
            yield Diagnostic((*quota, key), f"{key!r} is not a field of quota", "use limits")
    if items(document, MANAGEMENT, "quota", "limits"):
        remedy = "write `limits: {NAME: {metric: METRIC, values: 100}}`"
        yield Diagnostic((*quota, "limits"), "must be a mapping of names to limits", remedy)
    for name, limit in mapping(document, MANAGEMENT, "quota", "limits").items():
        place = (*quota, "limits", name)
        metric, number = mapping(limit).get("metric"), mapping(limit).get("values")
        for key in mapping(limit):
            if key not in ("metric", "values"):
                yield Diagnostic((*place, key), f"{key!r} is not a field of a limit", "use metric, values")
        if not isinstance(metric, str) or metric not in known:
            yield Diagnostic(place, f"the metric {metric!r} is not defined", f"add it to {MANAGEMENT}.metrics")
        yield from limit_name_is_valid(place, name)
        yield from limit_value_is_valid(place, number, "100")
