"""Rules on `securityDefinitions` and `security`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.operations import OperationObject, mapping, operations, security

API_KEY_LOCATIONS = {("query", "key"), ("query", "api_key"), ("header", "x-api-key")}


def security_definitions_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Checks only the definitions that an operation uses."""
    used = {name for operation in operations(document) for item in security(document, operation)[1] for name in item}
    for name, scheme in mapping(document, "securityDefinitions").items():
        place: Place = ("securityDefinitions", name)
        if not isinstance(scheme, Mapping):
            yield Diagnostic(
                place, "must be a mapping", "write `{type: apiKey, name: x-api-key, in: header}`, for example"
            )
        elif name in used:
            yield from _scheme(place, scheme)


def _scheme(place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
    kind = scheme.get("type")
    if kind == "apiKey":
        name = scheme.get("name")
        location = (scheme.get("in"), name.lower() if scheme.get("in") == "header" and isinstance(name, str) else name)
        if location not in API_KEY_LOCATIONS:
            yield Diagnostic(
                place,
                "the gateway does not read API keys from this location",
                "write `{type: apiKey, name: x-api-key, in: header}` or `{type: apiKey, name: key, in: query}`",
                fatal=False,
            )
    elif kind == "basic":
        yield Diagnostic(place, "Google does not support basic authentication", "use an API key or OAuth 2")
    elif kind != "oauth2":
        yield Diagnostic(
            (*place, "type") if kind else place,
            f"{kind!r} is not a type that OpenAPI 2.0 defines",
            "write apiKey or oauth2",
        )
    else:
        yield from _issuer(place, scheme)


def _issuer(place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
    issuer = scheme.get("x-google-issuer")
    if not isinstance(issuer, str) or not issuer:
        where = place if issuer is None else (*place, "x-google-issuer")
        yield Diagnostic(where, "x-google-issuer is missing or not a string", "write `x-google-issuer: https://…`")
    uri = scheme.get("x-google-jwks_uri")
    if uri is not None and (not isinstance(uri, str) or not uri.startswith(("https://", "http://"))):
        yield Diagnostic(
            (*place, "x-google-jwks_uri"), "must be a URL", "write the https:// URL of the issuer's key set"
        )
    audiences = scheme.get("x-google-audiences")
    if audiences is None:
        yield Diagnostic(
            place,
            "has no x-google-audiences: only tokens for https://SERVICE (the managed service's name) are accepted",
            "write `x-google-audiences: …`",
            fatal=False,
        )
    elif not isinstance(audiences, str) or not audiences.strip():
        yield Diagnostic((*place, "x-google-audiences"), "must be a string", "write the audiences separated by commas")
    locations = scheme.get("x-google-jwt-locations")
    if locations is None:
        return
    for index, location in enumerate(locations if isinstance(locations, list) else [None]):
        fields = mapping(location)
        if ("header" in fields) == ("query" in fields) or not fields.keys() <= {"header", "query", "value_prefix"}:
            here = (*place, "x-google-jwt-locations", index)
            yield Diagnostic(
                here, "must name a header or a query parameter", "write `{header: …, value_prefix: …}` or `{query: …}`"
            )


def security_requirements_are_supported(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    schemes = mapping(document, "securityDefinitions")
    seen: set[Place] = set()
    for operation in operations(document):
        place, alternatives = security(document, operation)
        if place in seen:
            continue
        seen.add(place)
        yield from _malformed_requirements(document, operation, place)
        for index, requirement in enumerate(alternatives):
            for name, scopes in requirement.items():
                if name not in schemes:
                    remedy = f"define it under securityDefinitions, or use {', '.join(schemes) or 'none'}"
                    yield Diagnostic((*place, index, name), f"{name!r} is not defined", remedy)
                elif not isinstance(scopes, list):
                    yield Diagnostic((*place, index, name), "must be a list of scopes", f"write `{name}: []`")
        names = {name for requirement in alternatives for name in requirement}
        if len(alternatives) > 1 and any(mapping(schemes, name).get("type") == "apiKey" for name in names):
            yield Diagnostic(
                place,
                "an API key as one of several alternatives (OR) is not supported by Google",
                "require the key alone, or the key and the token in one requirement",
            )


def _malformed_requirements(
    document: Mapping[str, Any], operation: OperationObject, place: Place
) -> Iterator[Diagnostic]:
    value = operation.fields["security"] if len(place) > 1 else document.get("security", [])
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        yield Diagnostic(
            place, "must be a list of security requirements", "write `security: [{api_key: []}]`, for example"
        )
