"""Rules on `securityDefinitions` and `security`."""

import pytest

from gateway.rules.security import security_definitions_are_valid, security_requirements_are_supported
from tests.gateway.documents import API_KEY, GET, JWT, URL, document, operation, with_operation, with_scheme
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

ERRORS: dict[str, Row] = {
    "undefined-scheme": (
        security_requirements_are_supported,
        with_operation(security=[{"nope": []}]),
        (*GET, "security", 0, "nope"),
    ),
    "undefined-scheme-of-the-document": (
        security_requirements_are_supported,
        document({"/x": {"get": operation(URL)}}, security=[{"nope": []}]),
        ("security", 0, "nope"),
    ),
    "key-or-token": (
        security_requirements_are_supported,
        with_operation(security=[{"api_key": []}, {"jwt": []}]) | {"securityDefinitions": {**API_KEY, "jwt": JWT}},
        (*GET, "security"),
    ),
    "two-tokens-at-once": (
        security_requirements_are_supported,
        with_operation(security=[{"a": [], "b": []}]) | {"securityDefinitions": {"a": JWT, "b": JWT}},
        (*GET, "security", 0),
    ),
    "token-or-nothing": (
        security_requirements_are_supported,
        with_operation(security=[{}, {"a": []}]) | {"securityDefinitions": {"a": JWT}},
        (*GET, "security"),
    ),
    "key-with-one-of-two-tokens": (
        security_requirements_are_supported,
        with_operation(security=[{"api_key": [], "a": []}, {"b": []}])
        | {"securityDefinitions": {**API_KEY, "a": JWT, "b": JWT}},
        (*GET, "security"),
    ),
    "key-name-is-a-list": (
        security_definitions_are_valid,
        with_scheme({"type": "apiKey", "name": ["key"], "in": "query"}),
        ("securityDefinitions", "s", "name"),
    ),
    "old-and-new-name-of-an-extension": (
        security_definitions_are_valid,
        with_scheme(JWT | {"x-issuer": "https://issuer.test"}),
        ("securityDefinitions", "s", "x-issuer"),
    ),
    "security-is-no-list": (
        security_requirements_are_supported,
        with_operation(security={"api_key": []}),
        (*GET, "security"),
    ),
    "scopes-are-no-list": (
        security_requirements_are_supported,
        with_operation(security=[{"api_key": None}]),
        (*GET, "security", 0, "api_key"),
    ),
    "basic-authentication": (
        security_definitions_are_valid,
        with_scheme({"type": "basic"}),
        ("securityDefinitions", "s"),
    ),
    "openid-connect": (
        security_definitions_are_valid,
        with_scheme({"type": "openIdConnect"}),
        ("securityDefinitions", "s", "type"),
    ),
    "no-issuer": (
        security_definitions_are_valid,
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-issuer"}),
        ("securityDefinitions", "s"),
    ),
    "keys-at-no-url": (
        security_definitions_are_valid,
        with_scheme(JWT | {"x-google-jwks_uri": "keys.json"}),
        ("securityDefinitions", "s", "x-google-jwks_uri"),
    ),
    "audiences-as-a-list": (
        security_definitions_are_valid,
        with_scheme(JWT | {"x-google-audiences": ["a"]}),
        ("securityDefinitions", "s", "x-google-audiences"),
    ),
    "token-nowhere": (
        security_definitions_are_valid,
        with_scheme(JWT | {"x-google-jwt-locations": [{"cookie": "a"}]}),
        ("securityDefinitions", "s", "x-google-jwt-locations", 0),
    ),
}
WARNINGS: dict[str, Row] = {
    "key-in-another-header": (
        security_definitions_are_valid,
        with_scheme({"type": "apiKey", "in": "header", "name": "x-key"}),
        ("securityDefinitions", "s"),
    ),
    "old-name-of-an-extension": (
        security_definitions_are_valid,
        with_scheme({("x-jwks_uri" if key == "x-google-jwks_uri" else key): value for key, value in JWT.items()}),
        ("securityDefinitions", "s", "x-jwks_uri"),
    ),
    "no-audiences": (
        security_definitions_are_valid,
        with_scheme({name: value for name, value in JWT.items() if name != "x-google-audiences"}),
        ("securityDefinitions", "s"),
    ),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
