"""Rules on the document as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import security_schemes
from gateway.document.fields import mapping
from gateway.document.operations import operations

# Labels may contain `_`: some public examples have a host such as YOUR_API.example.com.
DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\Z"
)
API_NAME = re.compile("[a-z][a-z0-9]{0,39}")
KNOWN_EXTENSIONS = {
    "x-google-api-management",
    "x-google-allow",
    "x-google-api-name",
    "x-google-audiences",
    "x-google-auth",
    "x-google-backend",
    "x-google-deprecated",
    "x-google-endpoint",
    "x-google-endpoints",
    "x-google-extensions",
    "x-google-issuer",
    "x-google-jwks_uri",
    "x-google-jwt-locations",
    "x-google-management",
    "x-google-mcp-tool",
    "x-google-model-router",
    "x-google-quota",
}


def version_is_supported(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if "openapi" in document:
        version = document["openapi"]
        if not isinstance(version, str) or not re.fullmatch(r"3\.[01]\.\d+", version):
            message = f"{version!r} is not a version of OpenAPI that Google accepts"
            yield Diagnostic(("openapi",), message, "write `openapi: 3.0.4`, or a version 3.1.x")
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
        yield Diagnostic(
            ("host",), f"{host!r} is not a host name", f"write {host.rpartition('://')[2].partition('/')[0]}"
        )
    elif ":" in host:
        yield Diagnostic(("host",), f"{host!r} has a port, which Google rejects", f"write {host.partition(':')[0]}")
    elif not DNS_NAME.match(host):
        yield Diagnostic(
            ("host",), f"{host!r} is not a DNS name", "write one such as api.example.com, or remove `host`"
        )


def base_path_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    base = document.get("basePath")
    if base is None:
        return
    if not isinstance(base, str) or not base.startswith("/"):
        yield Diagnostic(("basePath",), f"{base!r} does not begin with '/'", "write it as /v1, or remove it")
    elif base != "/" and base.endswith("/"):
        message = f"{base!r} ends in '/', so that each path contains '//', which Google rejects"
        yield Diagnostic(("basePath",), message, f"write {base.rstrip('/') or '/'}")
    elif "{" in base:
        yield Diagnostic(("basePath",), "contains a variable", "move the variable into each path")


def api_name_is_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    name = document.get("x-google-api-name", "api")
    if not isinstance(name, str) or not API_NAME.fullmatch(name):
        remedy = "write up to 40 small letters and digits, beginning with a letter"
        yield Diagnostic(("x-google-api-name",), f"{name!r} is not a name for an API", remedy)


def schemes_are_http(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    schemes = document.get("schemes", ["https"])
    if not isinstance(schemes, list):
        yield Diagnostic(("schemes",), "must be a list", "write `schemes: [https]`")
        return
    for index, scheme in enumerate(schemes):
        if scheme not in ("http", "https"):
            yield Diagnostic(("schemes", index), f"{scheme!r} is not supported", "write http or https")


def extensions_are_known(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    places: list[tuple[Place, Mapping[str, Any]]] = [((), document)]
    places += [
        (("paths", path), item) for path, item in mapping(document, "paths").items() if isinstance(item, Mapping)
    ]
    places += [(operation.place, operation.fields) for operation in operations(document)]
    section, schemes = security_schemes(document)
    places += [((*section, name), scheme) for name, scheme in schemes.items() if isinstance(scheme, Mapping)]
    for place, fields in places:
        for key in fields:
            if key.startswith("x-google-") and key not in KNOWN_EXTENSIONS:
                yield Diagnostic(
                    (*place, key), f"{key} is not an extension of Google's", "check its spelling", fatal=False
                )
            elif key == "x-security":
                # Ignoring it would leave open what its author meant to protect.
                yield Diagnostic(
                    (*place, key),
                    "x-security is deprecated and not supported here",
                    "write `security: [{NAME: []}]`, and `x-google-audiences` in the definition NAME",
                )
