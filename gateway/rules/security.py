"""Rules on `securityDefinitions` and `security`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.operations import OperationObject, extension, mapping, operations, security
from gateway.origin import origin

DEPRECATED = {"x-issuer": "x-google-issuer", "x-jwks_uri": "x-google-jwks_uri"}
API_KEY_LOCATIONS = (("query", "key"), ("query", "api_key"), ("header", "x-api-key"))


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
        name, where = scheme.get("name"), scheme.get("in")
        if not isinstance(name, str) or not name:
            yield Diagnostic((*place, "name"), "must be a string", "write `name: x-api-key`")
        elif (where, name.lower() if where == "header" else name) not in API_KEY_LOCATIONS:
            yield Diagnostic(
                place,
                "the gateway does not read API keys from this location",
                "write `{type: apiKey, name: x-api-key, in: header}` or `{type: apiKey, name: key, in: query}`",
                fatal=False,
            )
    elif kind == "oauth2":
        yield from _issuer(place, scheme)
    elif kind == "basic":
        message = "Google ignores basic authentication, which leaves the operation open"
        yield Diagnostic(place, message, "use an API key or OAuth 2")
    else:
        here = (*place, "type") if kind else place
        yield Diagnostic(here, f"{kind!r} is not a type that OpenAPI 2.0 defines", "write apiKey or oauth2")


def _issuer(place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for old, new in DEPRECATED.items():
        if old in scheme and new in scheme:
            yield Diagnostic((*place, old), f"has both {old} and {new}", f"keep {new}")
        elif old in scheme:
            yield Diagnostic((*place, old), f"{old} is deprecated", f"rename it to {new}", fatal=False)
    key, issuer = extension(scheme, "x-google-issuer")
    if not isinstance(issuer, str) or not issuer:
        where = place if issuer is None else (*place, key)
        yield Diagnostic(where, "x-google-issuer is missing or not a string", "write `x-google-issuer: https://…`")
    key, uri = extension(scheme, "x-google-jwks_uri")
    if uri is not None and not _is_url(uri):
        yield Diagnostic((*place, key), "must be a URL", "write the https:// URL of the issuer's key set")
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
        names = fields.keys() & {"header", "query"}
        unknown = fields.keys() - {"header", "query", "value_prefix"}
        if len(names) != 1 or unknown or not all(isinstance(value, str) and value for value in fields.values()):
            here = (*place, "x-google-jwt-locations", index)
            yield Diagnostic(
                here, "must name a header or a query parameter", "write `{header: …, value_prefix: …}` or `{query: …}`"
            )


def _is_url(value: Any) -> bool:
    try:
        return isinstance(value, str) and origin(value) is not None
    except ValueError:
        return False


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
        yield from _unsupported_combination(place, [_kinds(schemes, requirement) for requirement in alternatives])


def _kinds(schemes: Mapping[str, Any], requirement: Mapping[str, Any]) -> list[Any]:
    return [mapping(schemes, name).get("type") for name in requirement]


def _unsupported_combination(place: Place, alternatives: list[list[Any]]) -> Iterator[Diagnostic]:
    """Google requires a key if every alternative has one, and a token if any alternative has one."""
    for index, kinds in enumerate(alternatives):
        if kinds.count("oauth2") > 1:
            yield Diagnostic(
                (*place, index),
                "two OAuth definitions in one requirement (AND) are not supported by Google",
                "write them as alternatives: `[{a: []}, {b: []}]`",
            )
    keys = {"apiKey" in kinds for kinds in alternatives}
    tokens = {"oauth2" in kinds for kinds in alternatives}
    if len(tokens) > 1:
        yield Diagnostic(
            place,
            "a token in only some of the alternatives (OR) is not supported by Google, which always requires it",
            "write the token in each alternative or in none",
        )
    elif len(keys) > 1 and tokens == {True}:
        yield Diagnostic(
            place,
            "an API key in only some of the alternatives (OR) is not supported by Google, which never requires it",
            "write the key in each alternative or in none",
        )


def _malformed_requirements(
    document: Mapping[str, Any], operation: OperationObject, place: Place
) -> Iterator[Diagnostic]:
    value = operation.fields["security"] if len(place) > 1 else document.get("security", [])
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        yield Diagnostic(
            place, "must be a list of security requirements", "write `security: [{api_key: []}]`, for example"
        )
