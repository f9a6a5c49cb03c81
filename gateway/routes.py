"""Any OpenAPI 2.0 document with `x-google-backend` -> the routes of its gateway, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from gateway.operations import Operation, backend, items, mapping, operations, security, template
from gateway.problems import UnsupportedSpec
from gateway.rules import problems
from gateway.template import Template

DEFAULT_DEADLINE = 15.0


class Translation(Enum):
    """What becomes of a request's path on its way to the backend."""

    CONSTANT = "CONSTANT_ADDRESS"
    APPEND = "APPEND_PATH_TO_ADDRESS"


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: what one connects to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The host as the Host header has it; Google's runtime leaves the port out."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}:{self.port}"


@dataclass(frozen=True)
class Backend:
    """Where an operation's requests go, and how."""

    origin: Origin
    path: str
    translation: Translation
    deadline_ms: int
    audience: str | None
    http2: bool


@dataclass(frozen=True)
class TokenPlace:
    """Where a JWT may stand in a request: in a header after `prefix`, or in the query."""

    name: str
    prefix: str = ""
    in_query: bool = False


@dataclass(frozen=True)
class Issuer:
    """A security definition whose tokens are taken; `jwks_uri` is None where it is to be discovered from the issuer."""

    name: str
    issuer: str
    jwks_uri: str | None
    audiences: tuple[str, ...]
    places: tuple[TokenPlace, ...]


@dataclass(frozen=True)
class Limit:
    """How often a metric may be spent per minute and consumer."""

    metric: str
    per_minute: int


@dataclass(frozen=True)
class Route:
    """One operation. `tokens` are alternatives: of each, all its issuers' tokens are asked for; () asks for none."""

    name: str
    method: str
    template: Template
    backend: Backend
    needs_key: bool
    tokens: tuple[tuple[str, ...], ...]
    costs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Api:
    """What the document defines; `routes` stand in the order in which they are tried."""

    service: str
    routes: tuple[Route, ...]
    issuers: tuple[Issuer, ...]
    limits: tuple[Limit, ...]


def read_api(document: Mapping[str, Any], service: str | None = None) -> Api:
    """The API that the document defines; UnsupportedSpec names everything in it that cannot be run.

    `service` is the managed service's name, which stands in some of Google's messages; by default the document's host.
    """
    fatal = [problem for problem in problems(document) if problem.fatal]
    if fatal:
        raise UnsupportedSpec(fatal)
    return built(document, service)


def built(document: Mapping[str, Any], service: str | None = None) -> Api:
    """The API of a document in which no rule has found a fatal problem."""
    service = service or document.get("host") or "localhost"
    routes = sorted((_route(document, operation) for operation in operations(document)), key=_precedence)
    used = {name for route in routes for alternative in route.tokens for name in alternative}
    schemes = mapping(document, "securityDefinitions")
    return Api(
        service=service,
        routes=tuple(routes),
        issuers=tuple(_issuer(name, schemes[name], service) for name in schemes if name in used),
        limits=tuple(
            Limit(limit["metric"], limit["values"]["STANDARD"])
            for limit in items(document, "x-google-management", "quota", "limits")
        ),
    )


def _precedence(route: Route) -> tuple[Any, ...]:
    return route.template.order, route.method


def _route(document: Mapping[str, Any], operation: Operation) -> Route:
    schemes = mapping(document, "securityDefinitions")
    alternatives = security(document, operation)[1]
    kinds = [{name: schemes[name]["type"] for name in alternative} for alternative in alternatives]
    tokens = [tuple(name for name, kind in kind_of.items() if kind == "oauth2") for kind_of in kinds]
    return Route(
        name=operation.name,
        method=operation.method.upper(),
        template=template(operation.path),
        backend=_backend(document, operation),
        needs_key=any("apiKey" in kind_of.values() for kind_of in kinds),
        tokens=tuple(tokens) if any(tokens) else (),
        costs=tuple(sorted(mapping(operation.fields, "x-google-quota", "metricCosts").items())),
    )


def _backend(document: Mapping[str, Any], operation: Operation) -> Backend:
    found = backend(document, operation)
    if found is None:
        raise AssertionError("the rules let no operation without a backend pass")
    place, fields = found
    address: str = fields["address"]
    # On the document the default is to append; Google asks to write it out elsewhere, where the path is dropped.
    default = Translation.APPEND if len(place) == 1 else Translation.CONSTANT
    translation = Translation(fields["path_translation"]) if "path_translation" in fields else default
    # Google's runtime removes one slash from the end of the address, whichever the translation.
    path = urlsplit(address).path.removesuffix("/")
    deadline = fields.get("deadline", DEFAULT_DEADLINE)
    return Backend(
        origin=origin(address),
        path=path if translation is Translation.APPEND else path or "/",
        translation=translation,
        deadline_ms=round((deadline if deadline > 0 else DEFAULT_DEADLINE) * 1000) or 1,
        audience=None if fields.get("disable_auth") else fields.get("jwt_audience", address),
        http2=fields.get("protocol") == "h2",
    )


def origin(url: str) -> Origin:
    """The origin of an http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https URL")
    return Origin(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def _issuer(name: str, scheme: Mapping[str, Any], service: str) -> Issuer:
    audiences = scheme.get("x-google-audiences") or f"https://{service}"
    written = scheme.get("x-google-jwt-locations")
    return Issuer(
        name=name,
        issuer=scheme["x-google-issuer"],
        jwks_uri=scheme.get("x-google-jwks_uri"),
        audiences=tuple(audience.strip() for audience in audiences.split(",")),
        places=DEFAULT_TOKEN_PLACES if written is None else tuple(map(_token_place, written)),
    )


DEFAULT_TOKEN_PLACES = (
    TokenPlace("Authorization", "Bearer "),
    TokenPlace("X-Goog-Iap-Jwt-Assertion"),
    TokenPlace("access_token", in_query=True),
)


def _token_place(written: Mapping[str, str]) -> TokenPlace:
    if "query" in written:
        return TokenPlace(written["query"], in_query=True)
    return TokenPlace(written["header"], written.get("value_prefix", ""))
