"""Rules on `x-google-backend`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.operations import backend, mapping, operations
from gateway.problems import Place, Problem

TRANSLATIONS = ("CONSTANT_ADDRESS", "APPEND_PATH_TO_ADDRESS")
PROTOCOLS = ("http/1.1", "h2")
FIELDS = ("address", "path_translation", "deadline", "jwt_audience", "disable_auth", "protocol")


def every_operation_has_a_backend(document: Mapping[str, Any]) -> Iterator[Problem]:
    for operation in operations(document):
        levels = (operation.fields, operation.path_item, document)
        if backend(document, operation) is None and not any("x-google-backend" in level for level in levels):
            yield Problem(operation.place, "has no backend", "add `x-google-backend: {address: …}` to it or above it")


def backends_are_whole(document: Mapping[str, Any]) -> Iterator[Problem]:
    for place, fields in _backends(document):
        if not isinstance(fields, Mapping):
            yield Problem(place, "is no mapping", "write `{address: https://…}`")
            continue
        for key in fields:
            if key not in FIELDS:
                yield Problem((*place, key), "is no field of a backend", f"use {', '.join(FIELDS)}")
        yield from _address(place, fields)
        yield from _translation(place, fields)
        yield from _deadline(place, fields)
        yield from _authentication(place, fields)
        protocol = fields.get("protocol", "http/1.1")
        if protocol not in PROTOCOLS:
            remedy = f"write {' or '.join(PROTOCOLS)}"
            yield Problem((*place, "protocol"), f"{protocol!r} is no protocol of a backend", remedy)


def _backends(document: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    if "x-google-backend" in document:
        yield ("x-google-backend",), document["x-google-backend"]
    for path, item in mapping(document, "paths").items():
        if isinstance(item, Mapping) and "x-google-backend" in item:
            yield ("paths", path, "x-google-backend"), item["x-google-backend"]
    for operation in operations(document):
        if "x-google-backend" in operation.fields:
            yield (*operation.place, "x-google-backend"), operation.fields["x-google-backend"]


def _address(place: Place, fields: Mapping[str, Any]) -> Iterator[Problem]:
    address = fields.get("address")
    here = (*place, "address")
    if not isinstance(address, str) or not address:
        message = "has no address" if address is None else "the address is no URL"
        yield Problem(place if address is None else here, message, "write `address: https://…`")
        return
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        yield Problem(here, f"{address!r} is no URL", "write https://HOST/PATH, with a port from 1 to 65535 if any")
        return
    if parts.scheme in ("grpc", "grpcs"):
        yield Problem(here, "gRPC backends are not run here", "give an http or https address")
    elif parts.scheme not in ("http", "https"):
        yield Problem(
            here, f"{address!r} is no http or https URL", f"write https://{address.partition('://')[2] or address}"
        )
    elif not parts.hostname or port == 0 or "@" in parts.netloc or any(c.isspace() for c in address):
        yield Problem(here, f"{address!r} has no proper host", "write https://HOST/PATH")
    elif parts.query or parts.fragment or "?" in address or "#" in address:
        yield Problem(
            here, f"{address!r} has a query or a fragment", "leave it out: the client's own query is passed on"
        )


def _translation(place: Place, fields: Mapping[str, Any]) -> Iterator[Problem]:
    here = (*place, "path_translation")
    if "path_translation" in fields:
        if fields["path_translation"] not in TRANSLATIONS:
            yield Problem(
                here, f"{fields['path_translation']!r} is no path translation", f"write {' or '.join(TRANSLATIONS)}"
            )
    elif len(place) > 1:
        yield Problem(
            place,
            "does not say how paths are translated: CONSTANT_ADDRESS holds, which drops the request's path",
            f"write `path_translation: {' or '.join(TRANSLATIONS)}`",
            fatal=False,
        )


def _deadline(place: Place, fields: Mapping[str, Any]) -> Iterator[Problem]:
    deadline = fields.get("deadline", 15.0)
    here = (*place, "deadline")
    if isinstance(deadline, bool) or not isinstance(deadline, (int, float)) or not deadline < 1e9:
        yield Problem(here, f"{deadline!r} is no number of seconds", "write a number such as 30.0")
    elif deadline <= 0:
        yield Problem(here, f"{deadline:g} means the default of 15 s", "write seconds, or leave it out", fatal=False)


def _authentication(place: Place, fields: Mapping[str, Any]) -> Iterator[Problem]:
    audience, disabled = fields.get("jwt_audience"), fields.get("disable_auth", False)
    if audience is not None and (not isinstance(audience, str) or not audience):
        yield Problem((*place, "jwt_audience"), "is no string", "write the root URL of the Cloud Run service")
    if not isinstance(disabled, bool):
        yield Problem((*place, "disable_auth"), f"{disabled!r} is neither true nor false", "write true or false")
    elif disabled and audience is not None:
        message = "has both jwt_audience and disable_auth: no token is sent"
        yield Problem(place, message, "keep the one that is meant", fatal=False)
    elif audience is None and not disabled and _path(fields.get("address")):
        yield Problem(
            place,
            "has no jwt_audience: the token is made for the whole address, path included, which Cloud Run refuses",
            "write `jwt_audience: https://HOST`, or `disable_auth: true` where no token is wanted",
            fatal=False,
        )


def _path(address: Any) -> str:
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
    except ValueError:
        return ""
    return parts.path.strip("/") if parts.scheme == "https" else ""
