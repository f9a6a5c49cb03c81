"""Rules on the document as a whole."""

import pytest

from gateway.rules.general import (
    base_path_is_valid,
    extensions_are_known,
    has_title_and_version,
    host_is_a_host_name,
    schemes_are_http,
    version_is_supported,
)
from tests.gateway.documents import GET, valid_document, with_operation, without
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

ERRORS: dict[str, Row] = {
    "openapi-4": (version_is_supported, {"openapi": "4.0.0", "info": {}, "paths": {}}, ("openapi",)),
    "swagger-missing": (version_is_supported, without("swagger"), ("swagger",)),
    "swagger-as-a-number": (version_is_supported, valid_document() | {"swagger": 2.0}, ("swagger",)),
    "no-title": (has_title_and_version, without("info", "title"), ("info", "title")),
    "no-version": (has_title_and_version, without("info", "version"), ("info", "version")),
    "version-as-a-number": (
        has_title_and_version,
        valid_document() | {"info": {"title": "t", "version": 1.0}},
        ("info", "version"),
    ),
    "no-info": (has_title_and_version, without("info"), ("info",)),
    "port-in-host": (host_is_a_host_name, valid_document(host="x.test:8080"), ("host",)),
    "scheme-in-host": (host_is_a_host_name, valid_document(host="https://x.test"), ("host",)),
    "base-path-without-slash": (base_path_is_valid, valid_document(basePath="v1"), ("basePath",)),
    "base-path-with-a-variable": (base_path_is_valid, valid_document(basePath="/{v}"), ("basePath",)),
    "websockets": (schemes_are_http, valid_document(schemes=["https", "wss"]), ("schemes", 1)),
    "format-string-in-host": (host_is_a_host_name, valid_document(host="%ENVIRONMENT(HOME)%"), ("host",)),
    "newline-in-host": (host_is_a_host_name, valid_document(host="x.test\n"), ("host",)),
    "old-security-extension": (
        extensions_are_known,
        with_operation(**{"x-security": [{"jwt": {"audiences": ["a"]}}]}),
        (*GET, "x-security"),
    ),
}
WARNINGS: dict[str, Row] = {
    "misspelt-extension": (extensions_are_known, with_operation(**{"x-google-qouta": {}}), (*GET, "x-google-qouta")),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
