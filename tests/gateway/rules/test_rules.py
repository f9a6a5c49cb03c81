"""All rules together."""

from typing import Any

import pytest

from gateway.rules import diagnostics
from tests.gateway.documents import (
    API_KEY,
    JWT,
    parameter,
    valid_document,
    with_backend,
    with_operation,
    with_path,
    with_quota,
    with_scheme,
)

OTHER_JWT = {**JWT, "x-google-issuer": "https://other.test"}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(valid_document(), id="plain"),
        pytest.param(with_scheme(JWT), id="token"),
        pytest.param(
            with_operation(security=[{"a": []}, {"b": []}]) | {"securityDefinitions": {"a": JWT, "b": OTHER_JWT}},
            id="one-of-two-tokens",
        ),
        pytest.param(with_operation(security=[{}, {"api_key": []}]), id="optional-key"),
        pytest.param(
            with_operation(security=[{"api_key": [], "a": []}, {"api_key": [], "b": []}])
            | {"securityDefinitions": {**API_KEY, "a": JWT, "b": OTHER_JWT}},
            id="key-and-one-of-two-tokens",
        ),
        pytest.param(with_operation(security=[]), id="no-security"),
        pytest.param(with_backend(deadline="25"), id="deadline-as-a-string"),
        pytest.param(
            with_backend(address="https://r-p.cloudfunctions.net/f", disable_auth=False), id="audience-of-a-function"
        ),
        pytest.param(
            valid_document(securityDefinitions={**API_KEY, "unused": {"type": "basic"}}),
            id="an-unused-definition-is-not-checked",
        ),
        pytest.param(with_quota(), id="quota"),
        pytest.param(
            with_operation(parameters=[{"$ref": "#/parameters/a"}]) | {"parameters": {"a": parameter("a", "query")}},
            id="shared-parameter",
        ),
        pytest.param(with_path("/y/{id=**}", parameters=[parameter("id")]), id="wildcard"),
        pytest.param(with_path("/y/{id}:stop", parameters=[parameter("id")]), id="custom-verb"),
        pytest.param(valid_document(host="x.test", basePath="/v1", schemes=["http", "https"]), id="host"),
        pytest.param(with_operation(responses={"default": {"description": "ok"}}), id="default-response"),
    ],
)
def test_a_valid_document_has_no_diagnostics(document: dict[str, Any]) -> None:
    assert diagnostics(document) == []
