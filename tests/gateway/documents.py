"""Builds OpenAPI 2.0 documents for tests: operations state only what the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.document.operations import METHODS

URL = "https://x.test"
# The place of the operation in `valid_document`.
GET = "paths", "/x", "get"
API_KEY = {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
JWT = {
    "type": "oauth2",
    "flow": "implicit",
    "authorizationUrl": "",
    "x-google-issuer": "https://issuer.test",
    "x-google-jwks_uri": "https://issuer.test/keys",
    "x-google-audiences": "a",
}


def document(paths: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A document with these paths; operations get an id and a response if they have none."""
    filled = {
        path: {
            key: {"operationId": f"{key}{number}", "responses": {"200": {"description": "ok"}}, **value}
            if key in METHODS
            else value
            for key, value in item.items()
        }
        for number, (path, item) in enumerate(paths.items())
    }
    return {"swagger": "2.0", "info": {"title": "test", "version": "1"}, **more, "paths": filled}


def backend(address: str, translation: str = "APPEND_PATH_TO_ADDRESS", **more: Any) -> dict[str, Any]:
    """An `x-google-backend`, without an ID token by default."""
    return {"address": address, "path_translation": translation, "disable_auth": True, **more}


def operation(
    address: str, translation: str = "APPEND_PATH_TO_ADDRESS", *, key: bool = False, **more: Any
) -> dict[str, Any]:
    fields: dict[str, Any] = {"x-google-backend": backend(address, translation, **more)}
    return fields | ({"security": [{"api_key": []}]} if key else {})


def one_path(url: str, path: str = "/x", **more: Any) -> dict[str, Any]:
    return document({path: {"get": operation(url)}}, **more)


def with_key(url: str) -> dict[str, Any]:
    """`GET /x`, which requires an API key."""
    return document({"/x": {"get": operation(url, key=True)}}, securityDefinitions=dict(API_KEY))


def with_issuer(url: str, **scheme: Any) -> dict[str, Any]:
    """`GET /x`, which requires a JWT for audience `a` of the issuer that `scheme` describes."""
    oauth2 = {"type": "oauth2", "flow": "implicit", "authorizationUrl": "", "x-google-audiences": "a", **scheme}
    paths = {"/x": {"get": operation(url) | {"security": [{"jwt": []}]}}}
    return document(paths, securityDefinitions={"jwt": oauth2})


def valid_document(**more: Any) -> dict[str, Any]:
    return with_key(URL) | more


def with_operation(**fields: Any) -> dict[str, Any]:
    """A valid document whose operation has these fields."""
    found = valid_document()
    found["paths"]["/x"]["get"] |= fields
    return found


def with_backend(**fields: Any) -> dict[str, Any]:
    return with_operation(**{"x-google-backend": {**backend(URL), **fields}})


def with_path(path: str, **item: Any) -> dict[str, Any]:
    """A valid document with one more path."""
    found = valid_document()
    fields = {"operationId": "added", "responses": {"200": {"description": "ok"}}, **operation(URL)}
    found["paths"][path] = {"get": fields, **item}
    return found


def without(*place: str) -> dict[str, Any]:
    """A valid document without the value at this place."""
    found = valid_document()
    node = found
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    return found


def with_scheme(scheme: Mapping[str, Any]) -> dict[str, Any]:
    """A valid document whose operation uses this security definition, `s`."""
    return with_operation(security=[{"s": []}]) | {"securityDefinitions": {"s": scheme}}


def with_quota(
    costs: Any = None, *, metrics: Any = None, security: Any = ({"api_key": []},), **limit: Any
) -> dict[str, Any]:
    """A valid document whose operation costs 1 of the metric `m`, which has the limit `l`."""
    quota = {"metricCosts": {"m": 1} if costs is None else costs}
    found = with_operation(security=list(security), **{"x-google-quota": quota})
    limits = [{"name": "l", "metric": "m", "unit": "1/min/{project}", "values": {"STANDARD": 5}} | limit]
    found["x-google-management"] = {
        "metrics": [{"name": "m"}] if metrics is None else metrics,
        "quota": {"limits": limits},
    }
    return found


def parameter(name: str, where: str = "path", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "type": "string", "required": where == "path", **more}
