"""Rules on the document as a whole."""

from typing import Any

import pytest

from gateway.diagnostics import Place
from gateway.rules import Rule, general
from tests.gateway.documents import GET, valid_document, with_operation, without
from tests.gateway.rules.verdicts import assert_error, assert_warning

ERRORS = [
    pytest.param(general.is_openapi_2, {"openapi": "3.0.0", "info": {}, "paths": {}}, ("openapi",), id="openapi-3"),
    pytest.param(general.is_openapi_2, without("swagger"), ("swagger",), id="swagger-missing"),
    pytest.param(general.is_openapi_2, valid_document() | {"swagger": 2.0}, ("swagger",), id="swagger-as-a-number"),
    pytest.param(general.has_title_and_version, without("info", "title"), ("info", "title"), id="no-title"),
    pytest.param(general.has_title_and_version, without("info", "version"), ("info", "version"), id="no-version"),
    pytest.param(
        general.has_title_and_version,
        valid_document() | {"info": {"title": "t", "version": 1.0}},
        ("info", "version"),
        id="version-as-a-number",
    ),
    pytest.param(general.has_title_and_version, without("info"), ("info",), id="no-info"),
    pytest.param(general.host_is_a_host_name, valid_document(host="x.test:8080"), ("host",), id="port-in-host"),
    pytest.param(general.host_is_a_host_name, valid_document(host="https://x.test"), ("host",), id="scheme-in-host"),
    pytest.param(
        general.base_path_is_valid, valid_document(basePath="v1"), ("basePath",), id="base-path-without-slash"
    ),
    pytest.param(
        general.base_path_is_valid, valid_document(basePath="/{v}"), ("basePath",), id="base-path-with-a-variable"
    ),
    pytest.param(general.schemes_are_http, valid_document(schemes=["https", "wss"]), ("schemes", 1), id="websockets"),
    pytest.param(
        general.x_google_allow_is_configured,
        valid_document(**{"x-google-allow": "all"}),
        ("x-google-allow",),
        id="everything-allowed",
    ),
    pytest.param(
        general.references_resolve,
        with_operation(responses={"200": {"$ref": "other.yaml#/ok"}}),
        (*GET, "responses", "200", "$ref"),
        id="external-file",
    ),
    pytest.param(
        general.references_resolve,
        with_operation(parameters=[{"$ref": "https://x.test/p.yaml"}]),
        (*GET, "parameters", 0, "$ref"),
        id="external-url",
    ),
    pytest.param(
        general.references_resolve,
        with_operation(responses={"200": {"description": "ok", "schema": {"$ref": "#/definitions/Nope"}}}),
        (*GET, "responses", "200", "schema", "$ref"),
        id="reference-to-nothing",
    ),
]
WARNINGS = [
    pytest.param(
        general.extensions_are_known,
        with_operation(**{"x-google-qouta": {}}),
        (*GET, "x-google-qouta"),
        id="misspelt-extension",
    ),
    pytest.param(
        general.x_google_endpoints_is_ignored,
        valid_document(**{"x-google-endpoints": []}),
        ("x-google-endpoints",),
        id="endpoints",
    ),
]


@pytest.mark.parametrize(("rule", "document", "place"), ERRORS)
def test_a_mistake_is_an_error(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_error(rule, document, place)


@pytest.mark.parametrize(("rule", "document", "place"), WARNINGS)
def test_a_doubtful_value_is_a_warning(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_warning(rule, document, place)
