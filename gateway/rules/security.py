"""Rules on who may call: `securityDefinitions` and `security`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.operations import Operation, mapping, operations, security
from gateway.problems import Place, Problem

KEY_PLACES = {("query", "key"), ("query", "api_key"), ("header", "x-api-key")}


def definitions_can_be_used(document: Mapping[str, Any]) -> Iterator[Problem]:
    """What stands in the definitions counts only where an operation uses it."""
    used = {name for operation in operations(document) for item in security(document, operation)[1] for name in item}
    for name, scheme in mapping(document, "securityDefinitions").items():
        place: Place = ("securityDefinitions", name)
        if not isinstance(scheme, Mapping):
            yield Problem(place, "is no mapping", "write `{type: apiKey, name: x-api-key, in: header}`, for example")
        elif name in used:
            yield from _scheme(place, scheme)


def _scheme(place: Place, scheme: Mapping[str, Any]) -> Iterator[Problem]:
    kind = scheme.get("type")
    if kind == "apiKey":
        name = scheme.get("name")
        written = (scheme.get("in"), name.lower() if scheme.get("in") == "header" and isinstance(name, str) else name)
        if written not in KEY_PLACES:
            yield Problem(
                place,
                "names a place where the gateway does not look for API keys",
                "write `{type: apiKey, name: x-api-key, in: header}` or `{type: apiKey, name: key, in: query}`",
                fatal=False,
            )
    elif kind == "basic":
        yield Problem(place, "basic authentication is not supported by Google", "use an API key or OAuth 2")
    elif kind != "oauth2":
        yield Problem(
            (*place, "type") if kind else place, f"{kind!r} is no type of OpenAPI 2.0", "write apiKey or oauth2"
        )
    else:
        yield from _issuer(place, scheme)


def _issuer(place: Place, scheme: Mapping[str, Any]) -> Iterator[Problem]:
    issuer = scheme.get("x-google-issuer")
    if not isinstance(issuer, str) or not issuer:
        where = place if issuer is None else (*place, "x-google-issuer")
        yield Problem(where, "names no issuer of its tokens", "write `x-google-issuer: https://…`")
    uri = scheme.get("x-google-jwks_uri")
    if uri is not None and (not isinstance(uri, str) or not uri.startswith(("https://", "http://"))):
        yield Problem((*place, "x-google-jwks_uri"), "is no URL", "write where the issuer's keys are: https://…")
    audiences = scheme.get("x-google-audiences")
    if audiences is None:
        yield Problem(
            place,
            "names no audiences: only tokens for https://SERVICE are taken, SERVICE being the managed service's name",
            "write `x-google-audiences: …`",
            fatal=False,
        )
    elif not isinstance(audiences, str) or not audiences.strip():
        yield Problem((*place, "x-google-audiences"), "is no string", "write the audiences with commas between them")
    locations = scheme.get("x-google-jwt-locations")
    if locations is None:
        return
    for index, location in enumerate(locations if isinstance(locations, list) else [None]):
        fields = mapping(location)
        if ("header" in fields) == ("query" in fields) or not fields.keys() <= {"header", "query", "value_prefix"}:
            here = (*place, "x-google-jwt-locations", index)
            yield Problem(here, "says not where a token is", "write `{header: …, value_prefix: …}` or `{query: …}`")


def requirements_can_be_met(document: Mapping[str, Any]) -> Iterator[Problem]:
    schemes = mapping(document, "securityDefinitions")
    seen: set[Place] = set()
    for operation in operations(document):
        place, alternatives = security(document, operation)
        if place in seen:
            continue
        seen.add(place)
        yield from _form(document, operation, place)
        for index, requirement in enumerate(alternatives):
            for name, scopes in requirement.items():
                if name not in schemes:
                    remedy = f"define it under securityDefinitions, or use {', '.join(schemes) or 'none'}"
                    yield Problem((*place, index, name), f"{name!r} is not defined", remedy)
                elif not isinstance(scopes, list):
                    yield Problem((*place, index, name), "is no list of scopes", f"write `{name}: []`")
        names = {name for requirement in alternatives for name in requirement}
        if len(alternatives) > 1 and any(mapping(schemes, name).get("type") == "apiKey" for name in names):
            yield Problem(
                place,
                "offers an API key as one of several ways in (OR), which Google does not support",
                "ask for the key alone, or together with the token in one requirement",
            )


def _form(document: Mapping[str, Any], operation: Operation, place: Place) -> Iterator[Problem]:
    written = operation.fields["security"] if len(place) > 1 else document.get("security", [])
    if not isinstance(written, list) or not all(isinstance(item, Mapping) for item in written):
        yield Problem(place, "is no list of requirements", "write `security: [{api_key: []}]`, for example")
