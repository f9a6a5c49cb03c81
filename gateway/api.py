"""A document as typed values: the API that the gateway serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from gateway.diagnostics import Place, UnsupportedDocument
from gateway.document.dialect import (
    BACKEND,
    Fields,
    allows_cors,
    backend_fields,
    host,
    limits,
    location_fields,
    metric_costs,
    scheme_kind,
    security_schemes,
    token_fields,
)
from gateway.document.operations import METHODS, OperationObject, backend, operations, path_template, security
from gateway.document.path_template import PathTemplate
from gateway.origin import Origin, origin
from gateway.rules import diagnostics
from gateway.rules.backends import seconds
from gateway.rules.quota import whole_number

DEFAULT_DEADLINE = 15.0


class PathTranslation(Enum):
    """How the path that a backend receives is made from the request's path."""

    CONSTANT = "CONSTANT_ADDRESS"
    APPEND = "APPEND_PATH_TO_ADDRESS"


@dataclass(frozen=True)
class Backend:
    """An `x-google-backend`. `audience` is that of the ID token sent to it; None sends none."""

    origin: Origin
    path: str
    translation: PathTranslation
    deadline_ms: int
    audience: str | None
    http2: bool


@dataclass(frozen=True)
class JwtLocation:
    """A header (after `prefix`) or query parameter in which a request may carry a JWT."""

    name: str
    prefix: str = ""
    in_query: bool = False


DEFAULT_JWT_LOCATIONS = (
    JwtLocation("Authorization", "Bearer "),
    JwtLocation("X-Goog-Iap-Jwt-Assertion"),
    JwtLocation("access_token", in_query=True),
)


@dataclass(frozen=True)
class Issuer:
    """An OAuth 2 security definition; `jwks_uri` is None if the document does not give it."""

    name: str
    issuer: str
    jwks_uri: str | None
    audiences: tuple[str, ...]
    locations: tuple[JwtLocation, ...]


@dataclass(frozen=True)
class Limit:
    """A quota limit: how much of a metric each consumer may use per minute."""

    metric: str
    per_minute: int


@dataclass(frozen=True)
class Operation:
    """One operation.

    `tokens` names the issuers of which a request must carry a token of one; () requires none. A request without a key
    passes if `optional_key`; an invalid key is rejected either way.
    `costs` are pairs of a metric and what a request uses of it.
    """

    name: str
    method: str
    template: PathTemplate
    backend: Backend
    needs_key: bool
    tokens: tuple[str, ...] = ()
    costs: tuple[tuple[str, int], ...] = ()
    optional_key: bool = False


@dataclass(frozen=True)
class Api:
    """Everything the document defines; `operations` are in the order in which they are matched."""

    service: str
    operations: tuple[Operation, ...]
    issuers: tuple[Issuer, ...]
    limits: tuple[Limit, ...]


def read_api(document: Mapping[str, Any], service: str | None = None) -> Api:
    """Check the document and build its API; UnsupportedDocument lists everything that cannot be served.

    `service` is the name of the managed service, used in error messages; by default the document's host.
    """
    errors = [diagnostic for diagnostic in diagnostics(document) if diagnostic.fatal]
    if errors:
        raise UnsupportedDocument(errors)
    return build_api(document, service)


def build_api(document: Mapping[str, Any], service: str | None = None) -> Api:
    """The API of a document in which the rules have found no error."""
    service = service or host(document) or "localhost"
    typed = [_operation(document, found) for found in operations(document)]
    if allows_cors(document):
        typed += _preflights(typed)
    if str(document.get("x-google-allow")).lower() == "all":
        typed += _unrecognized(document, typed)
    typed.sort(key=_precedence)
    used = {name for operation in typed for name in operation.tokens}
    schemes = security_schemes(document)[1]
    return Api(
        service=service,
        operations=tuple(typed),
        issuers=tuple(_issuer(document, name, schemes[name], service) for name in schemes if name in used),
        # -1 is no limit.
        limits=tuple(
            Limit(metric, number) for metric, given in limits(document) if (number := whole_number(given) or 0) > 0
        ),
    )


def _precedence(operation: Operation) -> tuple[Any, ...]:
    return operation.template.order, operation.method


def _operation(document: Mapping[str, Any], found: OperationObject) -> Operation:
    alternatives = security(document, found)[1]
    kinds = {name: scheme_kind(document, name) for alternative in alternatives for name in alternative}
    has_key = ["apiKey" in (kinds[name] for name in alternative) for alternative in alternatives]
    costs = metric_costs(found.fields)[1]
    place, given = backend(document, found)
    return Operation(
        name=found.fields["operationId"],
        method=found.method.upper(),
        template=path_template(found.path),
        backend=_backend(place, backend_fields(document, given)),
        needs_key=bool(has_key) and all(has_key),
        optional_key=any(has_key) and not all(has_key),
        tokens=tuple(name for name, kind in kinds.items() if kind == "oauth2"),
        costs=tuple(sorted((metric, number) for metric, cost in costs.items() if (number := whole_number(cost)))),
    )


def _preflights(declared: list[Operation]) -> Iterator[Operation]:
    """`allowCors`: an OPTIONS operation for each path that declares none, without a key or token, as in ESPv2."""
    of_paths = {operation.template.shape: operation for operation in reversed(declared)}
    with_options = {operation.template.shape for operation in declared if operation.method == "OPTIONS"}
    for shape, operation in of_paths.items():
        if shape not in with_options:
            name = f"CORS_{operation.name}"
            yield Operation(name, "OPTIONS", operation.template, operation.backend, needs_key=False)


def _unrecognized(document: Mapping[str, Any], declared: list[Operation]) -> Iterator[Operation]:
    """`x-google-allow: all`: operations of the document's backend for all other requests, with Google's names."""
    template = path_template("/**")
    taken = {operation.method for operation in declared if operation.template.shape == template.shape}
    to = _backend((BACKEND,), backend_fields(document, document[BACKEND]))
    for method in METHODS:
        if method.upper() not in taken:
            name = f"Google_Autogenerated_Unrecognized_{method.capitalize()}_Method_Call"
            yield Operation(name, method.upper(), template, to, needs_key=False)


def _backend(place: Place, fields: Fields) -> Backend:
    """The backend of an operation; `place` is that of the `x-google-backend` by which the operation has it."""
    address: str = fields["address"]
    # The default depends on the level: APPEND on the document, CONSTANT on a path or an operation.
    default = PathTranslation.APPEND if len(place) == 1 else PathTranslation.CONSTANT
    translation = PathTranslation(fields["path_translation"]) if "path_translation" in fields else default
    # Google's gateway removes one slash from the end of the address.
    path = urlsplit(address).path.removesuffix("/")
    deadline = seconds(fields.get("deadline")) or DEFAULT_DEADLINE
    return Backend(
        origin=origin(address),
        path=path if translation is PathTranslation.APPEND else path or "/",
        translation=translation,
        deadline_ms=round((deadline if deadline > 0 else DEFAULT_DEADLINE) * 1000) or 1,
        audience=None if fields.get("disable_auth") else fields.get("jwt_audience", address),
        http2=fields.get("protocol") == "h2",
    )


def _issuer(document: Mapping[str, Any], name: str, scheme: Mapping[str, Any], service: str) -> Issuer:
    fields = token_fields(document, scheme)[1]
    # A list in OpenAPI 3.x, a text with commas in 2.0.
    audiences = fields.get("audiences") or f"https://{service}"
    locations = fields.get("jwt_locations")
    return Issuer(
        name=name,
        issuer=fields["issuer"],
        jwks_uri=fields.get("jwks_uri"),
        audiences=tuple(text.strip() for text in (audiences.split(",") if isinstance(audiences, str) else audiences)),
        locations=DEFAULT_JWT_LOCATIONS
        if locations is None
        else tuple(_jwt_location(location_fields(document, location)) for location in locations),
    )


def _jwt_location(fields: Fields) -> JwtLocation:
    if "query" in fields:
        return JwtLocation(fields["query"], in_query=True)
    return JwtLocation(fields["header"], fields.get("value_prefix", ""))
