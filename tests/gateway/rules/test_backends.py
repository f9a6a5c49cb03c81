"""Rules on `x-google-backend`."""

from typing import Any

import pytest

from gateway.diagnostics import Place
from gateway.rules import Rule, backends
from tests.gateway.documents import GET, URL, valid_document, with_backend, with_operation, without
from tests.gateway.rules.verdicts import assert_error, assert_warning

ERRORS = [
    pytest.param(backends.every_operation_has_a_backend, without(*GET, "x-google-backend"), GET, id="no-backend"),
    pytest.param(
        backends.backends_are_valid,
        with_operation(**{"x-google-backend": URL}),
        (*GET, "x-google-backend"),
        id="backend-is-no-mapping",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_operation(**{"x-google-backend": {"path_translation": "CONSTANT_ADDRESS"}}),
        (*GET, "x-google-backend"),
        id="address-missing",
    ),
    pytest.param(
        backends.backends_are_valid,
        valid_document(**{"x-google-backend": {"deadline": 5.0}}),
        ("x-google-backend",),
        id="address-missing-on-the-document",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address="x.test/y"),
        (*GET, "x-google-backend", "address"),
        id="address-without-scheme",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address="https:///y"),
        (*GET, "x-google-backend", "address"),
        id="address-without-host",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address="http://x:99999"),
        (*GET, "x-google-backend", "address"),
        id="address-with-a-bad-port",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address=f"{URL}/?a=b"),
        (*GET, "x-google-backend", "address"),
        id="address-with-a-query",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address="http://u:p@x"),
        (*GET, "x-google-backend", "address"),
        id="address-with-a-password",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address="grpcs://x.test"),
        (*GET, "x-google-backend", "address"),
        id="grpc-address",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(path_translation="APPEND"),
        (*GET, "x-google-backend", "path_translation"),
        id="unknown-translation",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(deadline="30s"),
        (*GET, "x-google-backend", "deadline"),
        id="deadline-as-text",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(deadline=True),
        (*GET, "x-google-backend", "deadline"),
        id="deadline-is-true",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(protocol="h3"),
        (*GET, "x-google-backend", "protocol"),
        id="unknown-protocol",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(disable_auth="yes"),
        (*GET, "x-google-backend", "disable_auth"),
        id="disable-auth-as-text",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(disable_auth=False, jwt_audience=5),
        (*GET, "x-google-backend", "jwt_audience"),
        id="audience-is-no-string",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(timeout=5),
        (*GET, "x-google-backend", "timeout"),
        id="unknown-field-of-a-backend",
    ),
]
WARNINGS = [
    pytest.param(
        backends.backends_are_valid,
        with_operation(**{"x-google-backend": {"address": URL, "disable_auth": True}}),
        (*GET, "x-google-backend"),
        id="translation-not-written-out",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(deadline=0),
        (*GET, "x-google-backend", "deadline"),
        id="deadline-of-zero",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(address=f"{URL}/predict", disable_auth=False),
        (*GET, "x-google-backend"),
        id="audience-with-a-path",
    ),
    pytest.param(
        backends.backends_are_valid,
        with_backend(jwt_audience=URL),
        (*GET, "x-google-backend"),
        id="audience-that-is-never-sent",
    ),
]


@pytest.mark.parametrize(("rule", "document", "place"), ERRORS)
def test_a_mistake_is_an_error(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_error(rule, document, place)


@pytest.mark.parametrize(("rule", "document", "place"), WARNINGS)
def test_a_doubtful_value_is_a_warning(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_warning(rule, document, place)
