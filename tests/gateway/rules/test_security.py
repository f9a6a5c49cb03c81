"""Rules on `securityDefinitions` and `security`."""

from typing import Any

import pytest

from gateway.diagnostics import Place
from gateway.rules import Rule, security
from tests.gateway.documents import API_KEY, GET, JWT, URL, document, operation, with_operation, with_scheme
from tests.gateway.rules.verdicts import assert_error, assert_warning

ERRORS = [
    pytest.param(
        security.security_requirements_are_supported,
        with_operation(security=[{"nope": []}]),
        (*GET, "security", 0, "nope"),
        id="undefined-scheme",
    ),
    pytest.param(
        security.security_requirements_are_supported,
        document({"/x": {"get": operation(URL)}}, security=[{"nope": []}]),
        ("security", 0, "nope"),
        id="undefined-scheme-of-the-document",
    ),
    pytest.param(
        security.security_requirements_are_supported,
        with_operation(security=[{"api_key": []}, {"jwt": []}]) | {"securityDefinitions": {**API_KEY, "jwt": JWT}},
        (*GET, "security"),
        id="key-or-token",
    ),
    pytest.param(
        security.security_requirements_are_supported,
        with_operation(security=[{"api_key": []}, {}]),
        (*GET, "security"),
        id="key-or-nothing",
    ),
    pytest.param(
        security.security_requirements_are_supported,
        with_operation(security={"api_key": []}),
        (*GET, "security"),
        id="security-is-no-list",
    ),
    pytest.param(
        security.security_requirements_are_supported,
        with_operation(security=[{"api_key": None}]),
        (*GET, "security", 0, "api_key"),
        id="scopes-are-no-list",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme({"type": "basic"}),
        ("securityDefinitions", "s"),
        id="basic-authentication",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme({"type": "openIdConnect"}),
        ("securityDefinitions", "s", "type"),
        id="openid-connect",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-issuer"}),
        ("securityDefinitions", "s"),
        id="no-issuer",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme(JWT | {"x-google-jwks_uri": "keys.json"}),
        ("securityDefinitions", "s", "x-google-jwks_uri"),
        id="keys-at-no-url",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme(JWT | {"x-google-audiences": ["a"]}),
        ("securityDefinitions", "s", "x-google-audiences"),
        id="audiences-as-a-list",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme(JWT | {"x-google-jwt-locations": [{"cookie": "a"}]}),
        ("securityDefinitions", "s", "x-google-jwt-locations", 0),
        id="token-nowhere",
    ),
]
WARNINGS = [
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme({"type": "apiKey", "in": "header", "name": "x-key"}),
        ("securityDefinitions", "s"),
        id="key-in-another-header",
    ),
    pytest.param(
        security.security_definitions_are_valid,
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-audiences"}),
        ("securityDefinitions", "s"),
        id="no-audiences",
    ),
]


@pytest.mark.parametrize(("rule", "document", "place"), ERRORS)
def test_a_mistake_is_an_error(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_error(rule, document, place)


@pytest.mark.parametrize(("rule", "document", "place"), WARNINGS)
def test_a_doubtful_value_is_a_warning(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_warning(rule, document, place)
