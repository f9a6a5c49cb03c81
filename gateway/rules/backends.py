"""Rules on `x-google-backend`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import BACKEND, MANAGEMENT, Fields, camel_case_fields, is_openapi_3, plain_fields
from gateway.document.fields import mapping
from gateway.document.operations import backend, backend_extensions, backends, operations

TRANSLATIONS = ("CONSTANT_ADDRESS", "APPEND_PATH_TO_ADDRESS")
HOST = re.compile(r"[A-Za-z0-9_.:-]+")
NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?", re.ASCII)
PROTOCOLS = ("http/1.1", "h2")
FIELDS: tuple[str, ...] = ("address", "path_translation", "deadline", "jwt_audience", "disable_auth", "protocol")


def every_operation_has_a_backend(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for operation in operations(document):
        if backend(document, operation)[0] == operation.place:
            value = "NAME" if is_openapi_3(document) else "{address: https://HOST}"
            remedy = f"add `{BACKEND}: {value}` to the operation, its path or the document"
            yield Diagnostic(operation.place, "has no backend", remedy)


def backend_names_are_defined(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """OpenAPI 3.x: `x-google-backend` is the name of a backend."""
    defined = mapping(document, MANAGEMENT, "backends")
    for place, name in backend_extensions(document):
        if not isinstance(name, str):
            yield Diagnostic(
                place,
                "must be the name of a backend in OpenAPI 3.x",
                f"move its fields to {MANAGEMENT}.backends.NAME, and write `{BACKEND}: NAME`",
            )
        elif name not in defined:
            remedy = f"add it to {MANAGEMENT}.backends, or use {', '.join(defined) or 'one that is defined'}"
            yield Diagnostic(place, f"the backend {name!r} is not defined", remedy)


def backends_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    version_3 = is_openapi_3(document)
    below_document = {name for place, name in backend_extensions(document) if len(place) > 1 and isinstance(name, str)}
    for place, given in backends(document):
        if not isinstance(given, Mapping):
            yield Diagnostic(place, "must be a mapping", "write `{address: https://…}`")
            continue
        fields = (camel_case_fields if version_3 else plain_fields)(given)
        for key in sorted(fields.keys() - set(FIELDS)):
            known = ", ".join(map(fields.spelled, FIELDS))
            yield Diagnostic((*place, fields.spelled(key)), "is not a field of a backend", f"use {known}")
        yield from _address(place, fields)
        yield from _translation(place, fields, place[-1] in below_document if version_3 else len(place) > 1)
        yield from _deadline(place, fields)
        yield from _authentication(place, fields)
        protocol = fields.get("protocol", "http/1.1")
        if protocol not in PROTOCOLS:
            remedy = f"write {' or '.join(PROTOCOLS)}"
            yield Diagnostic((*place, "protocol"), f"the protocol {protocol!r} is not supported", remedy)


def addresses_are_public(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for place, fields in backends(document):
        address = mapping(fields).get("address")
        if isinstance(address, str) and (host := _host(address)) and _is_private(host):
            local = "/".join(address.split("/")[:3])
            yield Diagnostic(
                (*place, "address"),
                f"Google cannot reach {host}",
                f"write the public address here, and pass `--backend https://PUBLIC={local}` to `serve`",
                fatal=False,
            )


def _address(place: Place, fields: Mapping[str, Any]) -> Iterator[Diagnostic]:
    address = fields.get("address")
    here = (*place, "address")
    if not isinstance(address, str) or not address:
        message = "has no address" if address is None else "must be a URL"
        yield Diagnostic(place if address is None else here, message, "write `address: https://…`")
        return
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        yield Diagnostic(
            here, f"{address!r} is not a valid URL", "write https://HOST/PATH; a port is a number from 1 to 65535"
        )
        return
    if parts.scheme in ("grpc", "grpcs"):
        yield Diagnostic(here, "gRPC backends are not supported here", "write an http or https address")
    elif placeholder := re.match(r"\$\{?(\w+)", address):
        remedy = f"fill it in, or pass `--set {placeholder[1]}=https://…`"
        yield Diagnostic(here, f"{address!r} begins with a placeholder", remedy)
    elif parts.scheme not in ("http", "https"):
        yield Diagnostic(
            here, f"{address!r} is not an http or https URL", f"write https://{address.partition('://')[2] or address}"
        )
    elif not parts.hostname or port == 0 or "@" in parts.netloc or any(c.isspace() for c in address):
        yield Diagnostic(here, f"the host of {address!r} is invalid", "write https://HOST/PATH")
    elif parts.query or parts.fragment or "?" in address or "#" in address:
        yield Diagnostic(
            here, f"{address!r} has a query or fragment", "remove it; the request's own query is passed on"
        )
    elif not HOST.fullmatch(parts.hostname):
        yield Diagnostic(here, f"the host of {address!r} is not a DNS name or IP address", "write https://HOST/PATH")
    elif "{" in parts.path:
        yield Diagnostic(
            here,
            "{…} in an address is not replaced",
            "remove it: path parameters become query parameters, or are kept by APPEND_PATH_TO_ADDRESS",
            fatal=False,
        )


def _translation(place: Place, fields: Fields, below_document: bool) -> Iterator[Diagnostic]:
    """`below_document`: a path or an operation uses the backend, and not only the document."""
    name = fields.spelled("path_translation")
    here = (*place, name)
    if "path_translation" in fields:
        if fields["path_translation"] not in TRANSLATIONS:
            yield Diagnostic(
                here, f"{fields['path_translation']!r} is not a path translation", f"write {' or '.join(TRANSLATIONS)}"
            )
    elif below_document:
        yield Diagnostic(
            place,
            f"{name} defaults to CONSTANT_ADDRESS here, which drops the request's path",
            f"write `{name}: APPEND_PATH_TO_ADDRESS`, or CONSTANT_ADDRESS to keep it so",
            fatal=False,
        )


def _deadline(place: Place, fields: Mapping[str, Any]) -> Iterator[Diagnostic]:
    given = fields.get("deadline", 15.0)
    here = (*place, "deadline")
    found = seconds(given)
    if found is None:
        yield Diagnostic(here, f"{given!r} is not a number of seconds", "write a number such as 30.0")
    elif found <= 0:
        yield Diagnostic(
            here, f"{found:g} means the default of 15 s", "write a positive number, or remove it", fatal=False
        )


def seconds(deadline: Any) -> float | None:
    """The deadline, which may also be a string such as "25", or None if it is not a number of seconds."""
    if isinstance(deadline, bool) or not isinstance(deadline, (int, float, str)):
        return None
    if isinstance(deadline, str) and not NUMBER.fullmatch(deadline):
        return None
    # An int may be too large for a float.
    return float(deadline) if isinstance(deadline, str) or abs(deadline) < 1e9 else None


def _authentication(place: Place, fields: Fields) -> Iterator[Diagnostic]:
    audience, disabled = fields.get("jwt_audience"), fields.get("disable_auth", False)
    audience_name, disabled_name = fields.spelled("jwt_audience"), fields.spelled("disable_auth")
    if audience is not None and (not isinstance(audience, str) or not audience):
        yield Diagnostic((*place, audience_name), "must be a string", "write the root URL of the Cloud Run service")
    if not isinstance(disabled, bool):
        yield Diagnostic((*place, disabled_name), f"{disabled!r} is not a boolean", "write true or false")
    elif disabled and audience is not None:
        message = f"has both {audience_name} and {disabled_name}: no ID token is sent"
        yield Diagnostic(place, message, "remove one of the two", fatal=False)
    elif audience is None and not disabled and _path_of_service(fields.get("address")):
        yield Diagnostic(
            place,
            f"has no {audience_name}: the ID token's audience is the address with its path, which Cloud Run rejects",
            f"write `{audience_name}: https://{_host(fields['address'])}`, or `{disabled_name}: true` to send no token",
            fatal=False,
        )


def _path_of_service(address: Any) -> str:
    """The path of an https address, except of a Cloud Function, whose tokens are for the address with its path."""
    if (
        not isinstance(address, str)
        or not address.startswith("https://")
        or _host(address).endswith(".cloudfunctions.net")
    ):
        return ""
    return address.removeprefix("https://").partition("/")[2].strip("/")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_private(host: str) -> bool:
    """Whether the host is on loopback or in a private network."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))
