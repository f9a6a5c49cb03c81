"""What differs between OpenAPI 2.0 and 3.x as Google reads them: where things are in a document, and their names.

In OpenAPI 3.x, `x-google-api-management` holds the backends by name; metrics and limits are mappings instead of lists,
and most fields are in camel case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.diagnostics import Place
from gateway.document.fields import items, mapping, resolved

MANAGEMENT = "x-google-api-management"
BACKEND = "x-google-backend"
TOKEN_TYPES = ("oauth2", "openIdConnect", "http")
# The extensions of a security definition in OpenAPI 2.0, the deprecated ones first.
TOKEN_EXTENSIONS = {
    "x-issuer": "issuer",
    "x-jwks_uri": "jwks_uri",
    "x-google-issuer": "issuer",
    "x-google-jwks_uri": "jwks_uri",
    "x-google-audiences": "audiences",
    "x-google-jwt-locations": "jwt_locations",
}
TOKEN_EXTENSION_OF = {name: key for key, name in TOKEN_EXTENSIONS.items()}


class Fields(Mapping[str, Any]):
    """The fields of an object by names that both versions share; `spelled` says how a field is written in the document.

    `names` maps those names to the keys of `given`, and `spelling` gives the key of a field that is missing.
    """

    def __init__(self, given: Mapping[str, Any], names: Mapping[str, str], spelling: Callable[[str], str]) -> None:
        self._given = given
        self._names = names
        self._spelling = spelling

    def __getitem__(self, name: str) -> Any:
        return self._given[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def spelled(self, name: str) -> str:
        return self._names.get(name) or self._spelling(name)


def plain_fields(given: Mapping[str, Any]) -> Fields:
    return Fields(given, {key: key for key in given}, str)


def camel_case_fields(given: Mapping[str, Any]) -> Fields:
    """Fields that may be written in snake case too: Google parses these objects as protocol buffers."""
    return Fields(given, {snake_case(key): key for key in given}, camel_case)


def camel_case(name: str) -> str:
    """`path_translation` -> `pathTranslation`."""
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)


def snake_case(name: str) -> str:
    """`pathTranslation` -> `path_translation`."""
    return re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name)


def is_openapi_3(document: Mapping[str, Any]) -> bool:
    return "openapi" in document


def backend_fields(document: Mapping[str, Any], backend: Any) -> Fields:
    """The fields of an `x-google-backend`, which in OpenAPI 3.x is the name of a backend."""
    if not is_openapi_3(document):
        return plain_fields(mapping(backend))
    found = mapping(document, MANAGEMENT, "backends").get(backend) if isinstance(backend, str) else None
    return camel_case_fields(mapping(found))


def token_fields(document: Mapping[str, Any], scheme: Mapping[str, Any]) -> tuple[Place, Fields]:
    """What a security definition says about the tokens it asks for, and where within the definition.

    The names are `issuer`, `jwks_uri`, `audiences` and `jwt_locations`.
    """
    if is_openapi_3(document):
        return ("x-google-auth",), camel_case_fields(mapping(scheme, "x-google-auth"))
    names = {name: key for key, name in TOKEN_EXTENSIONS.items() if key in scheme}
    return (), Fields(scheme, names, TOKEN_EXTENSION_OF.__getitem__)


def location_fields(document: Mapping[str, Any], location: Any) -> Fields:
    """The fields of one location in which a request may carry a token."""
    given = mapping(location)
    return camel_case_fields(given) if is_openapi_3(document) else plain_fields(given)


def server(document: Mapping[str, Any]) -> tuple[Place, Mapping[str, Any]]:
    """OpenAPI 3.x: the server with `x-google-endpoint`, the only one that Google reads, and its place."""
    for index, found in enumerate(items(document, "servers")):
        if "x-google-endpoint" in mapping(found):
            return ("servers", index), found
    return ("servers",), {}


def host(document: Mapping[str, Any]) -> str | None:
    """The host name of the API, if the document has one."""
    if is_openapi_3(document):
        return _url(document)[0]
    found = document.get("host")
    return found if isinstance(found, str) and found else None


def base_path(document: Mapping[str, Any]) -> str:
    """The path in front of every path of the document, without a slash at its end."""
    found = _url(document)[1] if is_openapi_3(document) else document.get("basePath")
    return found.rstrip("/") if isinstance(found, str) else ""


def _url(document: Mapping[str, Any]) -> tuple[str | None, str]:
    url = server(document)[1].get("url")
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return None, ""
    return parts.hostname, parts.path if parts.path.startswith("/") else ""


def allows_cors(document: Mapping[str, Any]) -> bool:
    """Whether OPTIONS requests are passed on for every path."""
    if is_openapi_3(document):
        # Google's pages name both places.
        endpoint, management = mapping(server(document)[1], "x-google-endpoint"), mapping(document, MANAGEMENT)
        return any(map(is_true, (endpoint.get("allowCors"), management.get("allowCors"))))
    entries = document.get("x-google-endpoints")
    return isinstance(entries, list) and any(
        is_true(mapping(entry).get(key)) for entry in entries for key in ("allowCors", "allow_cors")
    )


def is_true(value: Any) -> bool:
    """Google also reads the string "true" as a boolean."""
    return value is True or value == "true"


def security_schemes(document: Mapping[str, Any]) -> tuple[Place, Mapping[str, Any]]:
    """The security definitions by name, and their place."""
    if not is_openapi_3(document):
        return ("securityDefinitions",), mapping(document, "securityDefinitions")
    schemes = mapping(document, "components", "securitySchemes")
    return ("components", "securitySchemes"), {name: resolved(document, scheme) for name, scheme in schemes.items()}


def scheme_kind(document: Mapping[str, Any], name: str) -> Any:
    """`apiKey`, or `oauth2` if the definition asks for a token; any other type as it is in the document."""
    kind = mapping(security_schemes(document)[1], name).get("type")
    return "oauth2" if is_openapi_3(document) and kind in TOKEN_TYPES else kind


def metrics(document: Mapping[str, Any]) -> set[str]:
    """The names of the metrics that quotas may use."""
    if is_openapi_3(document):
        return set(mapping(document, MANAGEMENT, "metrics"))
    names = [mapping(metric).get("name") for metric in items(document, "x-google-management", "metrics")]
    return {name for name in names if isinstance(name, str)}


def limits(document: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The metric of each quota limit, and its number of calls a minute, as they are written."""
    if is_openapi_3(document):
        found = mapping(document, MANAGEMENT, "quota", "limits").values()
        return [(mapping(limit).get("metric"), mapping(limit).get("values")) for limit in found]
    return [
        (mapping(limit).get("metric"), mapping(limit, "values").get("STANDARD"))
        for limit in items(document, "x-google-management", "quota", "limits")
    ]


def metric_costs(operation: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What a request of the operation costs of each metric, and the name of the field that says so."""
    fields = camel_case_fields(mapping(operation, "x-google-quota"))
    return fields.spelled("metric_costs"), mapping(fields.get("metric_costs"))
