"""Rules on `x-google-allow` and `x-google-endpoints`."""

from typing import Any

import pytest

from gateway.rules.endpoints import cors_is_passed_on, x_google_allow_is_valid, x_google_endpoints_is_valid
from tests.gateway.documents import URL, backend, valid_document
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning


def with_allow(value: Any, **more: Any) -> dict[str, Any]:
    return valid_document(**{"x-google-allow": value, **more})


def with_endpoints(*entries: Any) -> dict[str, Any]:
    return valid_document(host="x.test", **{"x-google-endpoints": list(entries)})


ALLOW, ENDPOINTS = ("x-google-allow",), ("x-google-endpoints",)
ERRORS: dict[str, Row] = {
    "unknown-value": (x_google_allow_is_valid, with_allow("some"), ALLOW),
    "value-is-a-list": (x_google_allow_is_valid, with_allow(["all"]), ALLOW),
    "all-without-a-backend-for-the-rest": (x_google_allow_is_valid, with_allow("all"), ALLOW),
    "endpoints-is-a-mapping": (
        x_google_endpoints_is_valid,
        valid_document(**{"x-google-endpoints": {"name": "x.test"}}),
        ENDPOINTS,
    ),
    "two-endpoints": (
        x_google_endpoints_is_valid,
        with_endpoints({"name": "x.test"}, {"name": "x.test"}),
        (*ENDPOINTS, 1),
    ),
    "another-name-than-the-host": (
        x_google_endpoints_is_valid,
        with_endpoints({"name": "y.test"}),
        (*ENDPOINTS, 0, "name"),
    ),
    "unknown-field": (
        x_google_endpoints_is_valid,
        with_endpoints({"name": "x.test", "cors": True}),
        (*ENDPOINTS, 0, "cors"),
    ),
    "allow-cors-as-text": (
        x_google_endpoints_is_valid,
        with_endpoints({"name": "x.test", "allowCors": "yes"}),
        (*ENDPOINTS, 0, "allowCors"),
    ),
}
WARNINGS: dict[str, Row] = {
    "all": (x_google_allow_is_valid, with_allow("ALL", **{"x-google-backend": backend(URL)}), ALLOW),
    "cors": (cors_is_passed_on, with_endpoints({"name": "X.test", "allowCors": True}), (*ENDPOINTS, 0)),
}


def test_endpoints_without_cors_have_no_effect() -> None:
    assert list(x_google_endpoints_is_valid(with_endpoints({"name": "x.test"}))) == []


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
