"""Rules on what only OpenAPI 3.x documents have; `tests/gateway/verdicts` has more of them."""

from typing import Any

import pytest

from gateway.api import JwtLocation, PathTranslation, read_api
from gateway.rules import diagnostics
from gateway.rules.openapi_3 import (
    has_no_fields_of_openapi_2,
    management_is_valid,
    named_limits_are_valid,
    servers_are_valid,
)
from gateway.rules.security import security_definitions_are_valid
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

MANAGEMENT = "x-google-api-management"
AUTH = {"issuer": "https://issuer.test", "jwksUri": "https://issuer.test/keys", "audiences": ["a"]}


def document_3(**more: Any) -> dict[str, Any]:
    """A valid document with one backend, `b`, and `GET /x`."""
    backend = {"address": "https://b.test", "pathTranslation": "APPEND_PATH_TO_ADDRESS", "disableAuth": True}
    return {
        "openapi": "3.0.4",
        "info": {"title": "test", "version": "1"},
        MANAGEMENT: {"backends": {"b": backend}},
        "x-google-backend": "b",
        "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": {"description": "ok"}}}}},
        **more,
    }


def with_management(**more: Any) -> dict[str, Any]:
    found = document_3()
    found[MANAGEMENT] |= more
    return found


def with_server(url: Any, endpoint: Any = ()) -> dict[str, Any]:
    return document_3(servers=[{"url": url, "x-google-endpoint": dict(endpoint) if endpoint == () else endpoint}])


def with_scheme_3(scheme: Any) -> dict[str, Any]:
    return document_3(components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])


def with_auth(**more: Any) -> dict[str, Any]:
    return with_scheme_3({"type": "http", "scheme": "bearer", "x-google-auth": {**AUTH, **more}})


SERVER = "servers", 0
SCHEME = "components", "securitySchemes", "s"
LIMIT = MANAGEMENT, "quota", "limits", "l"
ERRORS: dict[str, Row] = {
    "servers-is-a-mapping": (servers_are_valid, document_3(servers={"url": "/"}), ("servers",)),
    "url-is-a-number": (servers_are_valid, with_server(5), (*SERVER, "url")),
    "url-is-invalid": (servers_are_valid, with_server("https://["), (*SERVER, "url")),
    "url-with-a-variable": (servers_are_valid, with_server("https://{host}/v1"), (*SERVER, "url")),
    "url-with-a-query": (servers_are_valid, with_server("/v1?a=b"), (*SERVER, "url")),
    "url-of-a-socket": (servers_are_valid, with_server("ws://x.test"), (*SERVER, "url")),
    "endpoint-is-a-boolean": (servers_are_valid, with_server("/", True), (*SERVER, "x-google-endpoint")),
    "cors-as-text": (
        servers_are_valid,
        with_server("/", {"allowCors": "yes"}),
        (*SERVER, "x-google-endpoint", "allowCors"),
    ),
    "management-is-a-list": (management_is_valid, document_3(**{MANAGEMENT: []}), (MANAGEMENT,)),
    "management-unknown-field": (management_is_valid, with_management(backend={}), (MANAGEMENT, "backend")),
    "metrics-is-a-list": (management_is_valid, with_management(metrics=["m"]), (MANAGEMENT, "metrics")),
    "limit-of-no-metric": (
        named_limits_are_valid,
        with_management(quota={"limits": {"l": {"metric": "m", "values": 5}}}),
        LIMIT,
    ),
    "limit-of-zero": (
        named_limits_are_valid,
        with_management(metrics={"m": {}}, quota={"limits": {"l": {"metric": "m", "values": 0}}}),
        LIMIT,
    ),
    "limit-unknown-field": (
        named_limits_are_valid,
        with_management(metrics={"m": {}}, quota={"limits": {"l": {"metric": "m", "values": 5, "unit": "1"}}}),
        (*LIMIT, "unit"),
    ),
    "swagger-too": (has_no_fields_of_openapi_2, document_3(swagger="2.0"), ("swagger",)),
    "scheme-is-a-string": (security_definitions_are_valid, with_scheme_3("bearer"), SCHEME),
    "auth-unknown-field": (security_definitions_are_valid, with_auth(jwks="x"), (*SCHEME, "x-google-auth", "jwks")),
    "keys-at-no-url": (security_definitions_are_valid, with_auth(jwksUri="x"), (*SCHEME, "x-google-auth", "jwksUri")),
    "empty-audiences": (
        security_definitions_are_valid,
        with_auth(audiences=[]),
        (*SCHEME, "x-google-auth", "audiences"),
    ),
}
WARNINGS: dict[str, Row] = {
    "no-audiences": (security_definitions_are_valid, with_auth(audiences=None), (*SCHEME, "x-google-auth")),
    "endpoints-of-openapi-2": (
        has_no_fields_of_openapi_2,
        document_3(**{"x-google-endpoints": [{"name": "x.test"}]}),
        ("x-google-endpoints",),
    ),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)


@pytest.mark.parametrize("kind", ["oauth2", "openIdConnect", "http"])
def test_any_definition_with_x_google_auth_asks_for_a_token(kind: str) -> None:
    document = with_scheme_3({"type": kind, "scheme": "Bearer", "x-google-auth": AUTH})
    assert diagnostics(document) == []
    api = read_api(document)
    assert api.operations[0].tokens == ("s",)
    assert (api.issuers[0].issuer, api.issuers[0].audiences) == ("https://issuer.test", ("a",))


def test_a_definition_may_be_a_reference() -> None:
    schemes = {"s": {"$ref": "#/components/securitySchemes/t"}, "t": {"type": "apiKey", "name": "key", "in": "query"}}
    document = document_3(components={"securitySchemes": schemes}, security=[{"s": []}])
    assert read_api(document).operations[0].needs_key


def test_token_locations_are_read() -> None:
    [issuer] = read_api(with_auth(jwtLocations=[{"header": "x-t", "valuePrefix": "T "}, {"query": "t"}])).issuers
    assert issuer.locations == (JwtLocation("x-t", "T "), JwtLocation("t", in_query=True))


@pytest.mark.parametrize(
    ("url", "path", "service"),
    [
        ("https://gw.example.com/v1/", "/v1/x", "gw.example.com"),
        ("/v1", "/v1/x", "localhost"),
        ("https://gw.example.com", "/x", "gw.example.com"),
    ],
)
def test_the_server_gives_the_base_path_and_the_services_name(url: str, path: str, service: str) -> None:
    api = read_api(with_server(url))
    assert (api.operations[0].template.text, api.service) == (path, service)


def test_a_backend_without_a_translation_has_the_default_of_the_place_that_names_it() -> None:
    document = document_3()
    del document[MANAGEMENT]["backends"]["b"]["pathTranslation"]
    document["paths"]["/y"] = {"x-google-backend": "b", "get": {**document["paths"]["/x"]["get"], "operationId": "y"}}
    translations = {made.name: made.backend.translation for made in read_api(document).operations}
    assert translations == {"x": PathTranslation.APPEND, "y": PathTranslation.CONSTANT}
    assert [found.place for found in diagnostics(document)] == [(MANAGEMENT, "backends", "b")]


@pytest.mark.parametrize("place", ["server", "management"])
def test_allow_cors_is_read_from_both_places(place: str) -> None:
    document = with_server("/", {"allowCors": True}) if place == "server" else with_management(allowCors=True)
    assert {made.method for made in read_api(document).operations} == {"GET", "OPTIONS"}
