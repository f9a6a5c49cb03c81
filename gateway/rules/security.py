"""Rules on security definitions and on `security`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.diagnostics import Diagnostic, Place
from gateway.document.dialect import is_openapi_3, location_fields, scheme_kind, security_schemes, token_fields
from gateway.document.fields import mapping
from gateway.document.operations import OperationObject, operations, security
from gateway.origin import origin

DEPRECATED = {"x-issuer": "x-google-issuer", "x-jwks_uri": "x-google-jwks_uri"}
AUTH_FIELDS = ("issuer", "jwks_uri", "audiences", "jwt_locations")
API_KEY_LOCATIONS = (("query", "key"), ("query", "api_key"), ("header", "x-api-key"))


def security_definitions_are_valid(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Checks only the definitions that an operation uses."""
    used = {name for operation in operations(document) for item in security(document, operation)[1] for name in item}
    place, schemes = security_schemes(document)
    for name, scheme in schemes.items():
        if not isinstance(scheme, Mapping):
            example = "write `{type: apiKey, name: x-api-key, in: header}`, for example"
            yield Diagnostic((*place, name), "must be a mapping", example)
        elif name in used:
            yield from _scheme(document, (*place, name), scheme)


def issuers_are_different(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    place, schemes = security_schemes(document)
    first: dict[str, str] = {}
    for name, scheme in schemes.items():
        within, fields = token_fields(document, mapping(scheme))
        issuer = fields.get("issuer")
        if isinstance(issuer, str) and first.setdefault(issuer, name) != name:
            yield Diagnostic(
                (*place, name, *within, fields.spelled("issuer")),
                f"is the issuer of {first[issuer]} too; Google requires a different issuer in each definition",
                "use one definition with the audiences of both",
                fatal=False,
            )


def _scheme(document: Mapping[str, Any], place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
    kind = scheme_kind(document, str(place[-1]))
    if kind == "apiKey":
        yield from _api_key(place, scheme)
    elif kind == "basic" or (scheme.get("type") == "http" and str(scheme.get("scheme")).lower() != "bearer"):
        message = "Google ignores this kind of authentication, which leaves the operation open"
        yield Diagnostic(place, message, "use an API key or a JWT")
    elif kind == "oauth2":
        yield from _tokens(document, place, scheme)
    else:
        here = (*place, "type") if kind else place
        message = f"{kind!r} is not a type that {'OpenAPI 3' if is_openapi_3(document) else 'OpenAPI 2.0'} defines"
        yield Diagnostic(here, message, "write apiKey or oauth2")


def _api_key(place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
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


def _tokens(document: Mapping[str, Any], scheme_place: Place, scheme: Mapping[str, Any]) -> Iterator[Diagnostic]:
    within, fields = token_fields(document, scheme)
    place = (*scheme_place, *within)
    if within and not isinstance(scheme.get("x-google-auth"), Mapping):
        remedy = "write `x-google-auth: {issuer: https://…, jwksUri: https://…, audiences: [AUDIENCE]}`"
        yield Diagnostic(scheme_place, "has no x-google-auth, which says whose tokens are accepted", remedy)
        return
    for key in sorted(fields.keys() - set(AUTH_FIELDS)) if within else ():
        known = ", ".join(map(fields.spelled, AUTH_FIELDS))
        yield Diagnostic((*place, fields.spelled(key)), "is not a field of x-google-auth", f"use {known}")
    for old, new in DEPRECATED.items() if not within else ():
        if old in scheme and new in scheme:
            yield Diagnostic((*place, old), f"has both {old} and {new}", f"keep {new}")
        elif old in scheme:
            yield Diagnostic((*place, old), f"{old} is deprecated", f"rename it to {new}", fatal=False)
    issuer = fields.get("issuer")
    if not isinstance(issuer, str) or not issuer:
        here = place if issuer is None else (*place, fields.spelled("issuer"))
        # The deprecated name is no remedy.
        name = "issuer" if within else "x-google-issuer"
        yield Diagnostic(here, f"{name} is missing or not a string", f"write `{name}: https://…`")
    if fields.get("jwks_uri") is not None and not _is_url(fields["jwks_uri"]):
        here = (*place, fields.spelled("jwks_uri"))
        yield Diagnostic(here, "must be a URL", "write the https:// URL of the issuer's key set")
    yield from _audiences(place, fields.spelled("audiences"), fields.get("audiences"), as_list=bool(within))
    locations = fields.get("jwt_locations")
    if locations is None:
        return
    for index, location in enumerate(locations if isinstance(locations, list) else [None]):
        found = location_fields(document, location)
        names = found.keys() & {"header", "query"}
        unknown = found.keys() - {"header", "query", "value_prefix"}
        if len(names) != 1 or unknown or not all(isinstance(value, str) and value for value in found.values()):
            remedy = f"write `{{header: …, {found.spelled('value_prefix')}: …}}` or `{{query: …}}`"
            here = (*place, fields.spelled("jwt_locations"), index)
            yield Diagnostic(here, "must name a header or a query parameter", remedy)


def _audiences(place: Place, name: str, audiences: Any, *, as_list: bool) -> Iterator[Diagnostic]:
    """`as_list`: a list, as in OpenAPI 3.x, instead of a text with commas."""
    example = "[AUDIENCE]" if as_list else "AUDIENCE"
    if audiences is None:
        yield Diagnostic(
            place,
            f"has no {name}: only tokens for https://SERVICE (the managed service's name) are accepted",
            f"write `{name}: {example}`",
            fatal=False,
        )
        return
    texts = audiences if as_list and isinstance(audiences, list) else [None if as_list else audiences]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        message = "must be a list of strings" if as_list else "must be a string"
        if isinstance(audiences, list) and not as_list:
            message, example = "must be a string with commas", ",".join(map(str, audiences)) or example
        yield Diagnostic((*place, name), message, f"write `{name}: {example}`")


def _is_url(value: Any) -> bool:
    try:
        return isinstance(value, str) and origin(value) is not None
    except ValueError:
        return False


def security_requirements_are_supported(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    (*_, section), schemes = security_schemes(document)
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
                    remedy = f"define it under {section}" + (f", or use {', '.join(schemes)}" if schemes else "")
                    yield Diagnostic((*place, index, name), f"{name!r} is not defined", remedy)
                elif not isinstance(scopes, list):
                    yield Diagnostic((*place, index, name), "must be a list of scopes", f"write `{name}: []`")
        yield from _unsupported_combination(
            place, [[scheme_kind(document, name) for name in requirement] for requirement in alternatives]
        )


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
