"""Rules on `x-google-backend`."""

import pytest

from gateway.rules.backends import backends_are_valid, every_operation_has_a_backend
from tests.gateway.documents import GET, URL, valid_document, with_backend, with_operation, without
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

ERRORS: dict[str, Row] = {
    "no-backend": (every_operation_has_a_backend, without(*GET, "x-google-backend"), GET),
    "backend-is-no-mapping": (
        backends_are_valid,
        with_operation(**{"x-google-backend": URL}),
        (*GET, "x-google-backend"),
    ),
    "address-missing": (
        backends_are_valid,
        with_operation(**{"x-google-backend": {"path_translation": "CONSTANT_ADDRESS"}}),
        (*GET, "x-google-backend"),
    ),
    "address-missing-on-the-document": (
        backends_are_valid,
        valid_document(**{"x-google-backend": {"deadline": 5.0}}),
        ("x-google-backend",),
    ),
    "address-without-scheme": (
        backends_are_valid,
        with_backend(address="x.test/y"),
        (*GET, "x-google-backend", "address"),
    ),
    "address-without-host": (
        backends_are_valid,
        with_backend(address="https:///y"),
        (*GET, "x-google-backend", "address"),
    ),
    "address-with-a-bad-port": (
        backends_are_valid,
        with_backend(address="http://x:99999"),
        (*GET, "x-google-backend", "address"),
    ),
    "address-with-a-query": (
        backends_are_valid,
        with_backend(address=f"{URL}/?a=b"),
        (*GET, "x-google-backend", "address"),
    ),
    "address-with-a-password": (
        backends_are_valid,
        with_backend(address="http://u:p@x"),
        (*GET, "x-google-backend", "address"),
    ),
    "grpc-address": (backends_are_valid, with_backend(address="grpcs://x.test"), (*GET, "x-google-backend", "address")),
    "unknown-translation": (
        backends_are_valid,
        with_backend(path_translation="APPEND"),
        (*GET, "x-google-backend", "path_translation"),
    ),
    "deadline-as-text": (backends_are_valid, with_backend(deadline="30s"), (*GET, "x-google-backend", "deadline")),
    "deadline-is-true": (backends_are_valid, with_backend(deadline=True), (*GET, "x-google-backend", "deadline")),
    "unknown-protocol": (backends_are_valid, with_backend(protocol="h3"), (*GET, "x-google-backend", "protocol")),
    "disable-auth-as-text": (
        backends_are_valid,
        with_backend(disable_auth="yes"),
        (*GET, "x-google-backend", "disable_auth"),
    ),
    "audience-is-no-string": (
        backends_are_valid,
        with_backend(disable_auth=False, jwt_audience=5),
        (*GET, "x-google-backend", "jwt_audience"),
    ),
    "unknown-field-of-a-backend": (backends_are_valid, with_backend(timeout=5), (*GET, "x-google-backend", "timeout")),
}
WARNINGS: dict[str, Row] = {
    "translation-not-written-out": (
        backends_are_valid,
        with_operation(**{"x-google-backend": {"address": URL, "disable_auth": True}}),
        (*GET, "x-google-backend"),
    ),
    "deadline-of-zero": (backends_are_valid, with_backend(deadline=0), (*GET, "x-google-backend", "deadline")),
    "audience-with-a-path": (
        backends_are_valid,
        with_backend(address=f"{URL}/predict", disable_auth=False),
        (*GET, "x-google-backend"),
    ),
    "audience-that-is-never-sent": (backends_are_valid, with_backend(jwt_audience=URL), (*GET, "x-google-backend")),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
