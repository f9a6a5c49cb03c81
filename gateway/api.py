"""A document as typed values: the API that the gateway serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from gateway.diagnostics import UnsupportedDocument
from gateway.operations import OperationObject, backend, items, mapping, operations, path_template, security
from gateway.path_template import PathTemplate
from gateway.rules import diagnostics

DEFAULT_DEADLINE = 15.0


class PathTranslation(Enum):
    """How the path that a backend receives is made from the request's path."""

    CONSTANT = "CONSTANT_ADDRESS"
    APPEND = "APPEND_PATH_TO_ADDRESS"


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header. Google's gateway leaves the port out."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}:{self.port}"


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

    `tokens` are alternatives: a request must carry a token of every issuer named in one of them; () requires none.
    `costs` are pairs of a metric and what a request uses of it.
    """

    name: str
    method: str
    template: PathTemplate
    backend: Backend
    needs_key: bool
    tokens: tuple[tuple[str, ...], ...]
    costs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Api:
    """Everything the document defines; `operations` are in the order in which they are matched."""

    service: str
    operations: tuple[Operation, ...]
    issuers: tuple[Issuer, ...]
    limits: tuple[Limit, ...]


def read_api(document: Mapping[str, Any], service: str | None = None) -> Api:
    """Check the document and build its API; UnsupportedDocument lists everything that cannot be served.

    `service` is the name of the managed service, used in error messages; by default the document's `host`.
    """
    errors = [diagnostic for diagnostic in diagnostics(document) if diagnostic.fatal]
    if errors:
        raise UnsupportedDocument(errors)
    return build_api(document, service)


def build_api(document: Mapping[str, Any], service: str | None = None) -> Api:
    """The API of a document in which the rules have found no error."""
    service = service or document.get("host") or "localhost"
    typed = sorted((_operation(document, found) for found in operations(document)), key=_precedence)
    used = {name for operation in typed for alternative in operation.tokens for name in alternative}
    schemes = mapping(document, "securityDefinitions")
    return Api(
        service=service,
        operations=tuple(typed),
        issuers=tuple(_issuer(name, schemes[name], service) for name in schemes if name in used),
        limits=tuple(
            Limit(limit["metric"], limit["values"]["STANDARD"])
            for limit in items(document, "x-google-management", "quota", "limits")
        ),
    )


def _precedence(operation: Operation) -> tuple[Any, ...]:
    return operation.template.order, operation.method


def _operation(document: Mapping[str, Any], found: OperationObject) -> Operation:
    schemes = mapping(document, "securityDefinitions")
    alternatives = security(document, found)[1]
    types = [{name: schemes[name]["type"] for name in alternative} for alternative in alternatives]
    tokens = [tuple(name for name, kind in type_of.items() if kind == "oauth2") for type_of in types]
    return Operation(
        name=found.name,
        method=found.method.upper(),
        template=path_template(found.path),
        backend=_backend(document, found),
        needs_key=any("apiKey" in type_of.values() for type_of in types),
        tokens=tuple(tokens) if any(tokens) else (),
        costs=tuple(sorted(mapping(found.fields, "x-google-quota", "metricCosts").items())),
    )


def _backend(document: Mapping[str, Any], operation: OperationObject) -> Backend:
    found = backend(document, operation)
    if found is None:
        raise AssertionError("the rules reject operations without a backend")
    place, fields = found
    address: str = fields["address"]
    # The default depends on the level: APPEND on the document, CONSTANT on a path or an operation.
    default = PathTranslation.APPEND if len(place) == 1 else PathTranslation.CONSTANT
    translation = PathTranslation(fields["path_translation"]) if "path_translation" in fields else default
    # Google's gateway removes one slash from the end of the address.
    path = urlsplit(address).path.removesuffix("/")
    deadline = fields.get("deadline", DEFAULT_DEADLINE)
    return Backend(
        origin=origin(address),
        path=path if translation is PathTranslation.APPEND else path or "/",
        translation=translation,
        deadline_ms=round((deadline if deadline > 0 else DEFAULT_DEADLINE) * 1000) or 1,
        audience=None if fields.get("disable_auth") else fields.get("jwt_audience", address),
        http2=fields.get("protocol") == "h2",
    )


def origin(url: str) -> Origin:
    """The origin of an http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https URL")
    return Origin(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def _issuer(name: str, scheme: Mapping[str, Any], service: str) -> Issuer:
    audiences = scheme.get("x-google-audiences") or f"https://{service}"
    locations = scheme.get("x-google-jwt-locations")
    return Issuer(
        name=name,
        issuer=scheme["x-google-issuer"],
        jwks_uri=scheme.get("x-google-jwks_uri"),
        audiences=tuple(audience.strip() for audience in audiences.split(",")),
        locations=DEFAULT_JWT_LOCATIONS if locations is None else tuple(map(_jwt_location, locations)),
    )


def _jwt_location(fields: Mapping[str, str]) -> JwtLocation:
    if "query" in fields:
        return JwtLocation(fields["query"], in_query=True)
    return JwtLocation(fields["header"], fields.get("value_prefix", ""))
