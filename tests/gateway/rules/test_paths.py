"""Rules on paths, operations and parameters."""

import pytest

from gateway.rules.paths import (
    has_paths,
    operations_have_responses,
    operations_have_unique_ids,
    parameters_are_valid,
    path_items_hold_operations,
    path_parameters_match_the_path,
    path_templates_are_unique,
    path_templates_are_valid,
)
from tests.gateway.documents import (
    GET,
    URL,
    document,
    operation,
    parameter,
    valid_document,
    with_operation,
    with_path,
    without,
)
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning

ERRORS: dict[str, Row] = {
    "response-is-a-string": (
        operations_have_responses,
        with_operation(responses={"200": "ok"}),
        (*GET, "responses", "200"),
    ),
    "no-paths": (has_paths, without("paths"), ("paths",)),
    "paths-is-a-list": (has_paths, valid_document() | {"paths": []}, ("paths",)),
    "relative-path": (path_templates_are_valid, with_path("y"), ("paths", "y")),
    "partial-segment": (path_templates_are_valid, with_path("/prefix_{id}"), ("paths", "/prefix_{id}")),
    "partial-segment-with-suffix": (path_templates_are_valid, with_path("/{id}.json"), ("paths", "/{id}.json")),
    "two-variables-in-a-segment": (path_templates_are_valid, with_path("/{a}-{b}"), ("paths", "/{a}-{b}")),
    "variable-after-rest": (path_templates_are_valid, with_path("/{a=**}/{b}"), ("paths", "/{a=**}/{b}")),
    "variable-twice": (path_templates_are_valid, with_path("/{a}/{a}"), ("paths", "/{a}/{a}")),
    "variable-without-a-name": (path_templates_are_valid, with_path("/{}"), ("paths", "/{}")),
    "braces-left-open": (path_templates_are_valid, with_path("/{a"), ("paths", "/{a")),
    "unreachable-double-slash": (path_templates_are_valid, with_path("/a//b"), ("paths", "/a//b")),
    "unreachable-dots": (path_templates_are_valid, with_path("/a/../b"), ("paths", "/a/../b")),
    "unreachable-encoding": (path_templates_are_valid, with_path("/%41"), ("paths", "/%41")),
    "unreachable-space": (path_templates_are_valid, with_path("/a b"), ("paths", "/a b")),
    "unreachable-umlaut": (path_templates_are_valid, with_path("/für"), ("paths", "/für")),
    "unreachable-query": (path_templates_are_valid, with_path("/a?b=c"), ("paths", "/a?b=c")),
    "unreachable-fragment": (path_templates_are_valid, with_path("/a#b"), ("paths", "/a#b")),
    "path-that-ends-in-a-slash": (path_templates_are_valid, with_path("/y/"), ("paths", "/y/")),
    "equals-sign": (path_templates_are_valid, with_path("/y=z"), ("paths", "/y=z")),
    "unreachable-twin": (
        path_templates_are_unique,
        document({"/{a}": {"get": operation(URL)}, "/{b}": {"get": operation(URL)}}),
        ("paths", "/{b}", "get"),
    ),
    "unreachable-but-for-a-slash": (path_templates_are_unique, with_path("/x/"), ("paths", "/x/", "get")),
    "path-item-is-no-mapping": (
        path_items_hold_operations,
        valid_document() | {"paths": {"/x": None}},
        ("paths", "/x"),
    ),
    "path-item-elsewhere": (
        path_items_hold_operations,
        valid_document() | {"paths": {"/x": {"$ref": "#/definitions/x"}}, "definitions": {"x": {}}},
        ("paths", "/x", "$ref"),
    ),
    "unknown-method": (path_items_hold_operations, with_path("/y", trace={}), ("paths", "/y", "trace")),
    "method-in-capitals": (path_items_hold_operations, with_path("/y", POST={}), ("paths", "/y", "POST")),
    "operation-id-twice": (
        operations_have_unique_ids,
        document(
            {
                "/x": {"get": {**operation(URL), "operationId": "same"}},
                "/y": {"get": {**operation(URL), "operationId": "same"}},
            }
        ),
        ("paths", "/y", "get", "operationId"),
    ),
    "no-operation-id": (operations_have_unique_ids, without(*GET, "operationId"), GET),
    "operation-id-of-punctuation": (
        operations_have_unique_ids,
        with_operation(operationId="-"),
        (*GET, "operationId"),
    ),
    "operation-ids-that-differ-in-punctuation": (
        operations_have_unique_ids,
        document(
            {
                "/x": {"get": {**operation(URL), "operationId": "get-user"}},
                "/y": {"get": {**operation(URL), "operationId": "Getuser"}},
            }
        ),
        ("paths", "/y", "get", "operationId"),
    ),
    "no-responses": (operations_have_responses, without(*GET, "responses"), GET),
    "empty-responses": (operations_have_responses, with_operation(responses={}), (*GET, "responses")),
    "odd-status": (
        operations_have_responses,
        with_operation(responses={"2xx": {"description": "ok"}}),
        (*GET, "responses", "2xx"),
    ),
    "path-parameter-not-declared": (path_parameters_match_the_path, with_path("/y/{id}"), ("paths", "/y/{id}", "get")),
    "path-parameter-not-in-the-path": (
        path_parameters_match_the_path,
        with_operation(parameters=[parameter("id")]),
        GET,
    ),
    "parameter-without-name": (
        parameters_are_valid,
        with_operation(parameters=[{"in": "query"}]),
        (*GET, "parameters", 0),
    ),
    "parameter-in-a-cookie": (
        parameters_are_valid,
        with_operation(parameters=[parameter("a", "cookie")]),
        (*GET, "parameters", 0),
    ),
    "parameter-twice": (
        parameters_are_valid,
        with_operation(parameters=[parameter("a", "query"), parameter("a", "query")]),
        (*GET, "parameters", 1),
    ),
    "parameter-of-type-object": (
        parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "query", "type": "object"}]),
        (*GET, "parameters", 0),
    ),
    "file-outside-a-form": (
        parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "query", "type": "file"}]),
        (*GET, "parameters", 0),
    ),
    "parameter-without-type": (
        parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "query"}]),
        (*GET, "parameters", 0),
    ),
    "two-bodies": (
        parameters_are_valid,
        with_operation(parameters=[{"name": name, "in": "body", "schema": {}} for name in "ab"]),
        GET,
    ),
    "body-and-form": (
        parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "body", "schema": {}}, parameter("b", "formData")]),
        GET,
    ),
    "body-without-schema": (
        parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "body"}]),
        (*GET, "parameters", 0),
    ),
}
WARNINGS: dict[str, Row] = {
    "response-without-description": (
        operations_have_responses,
        with_operation(responses={"200": {}}),
        (*GET, "responses", "200"),
    ),
    "path-parameter-not-required": (
        parameters_are_valid,
        with_path("/y/{id}", parameters=[parameter("id", required=False)]),
        ("paths", "/y/{id}", "parameters", 0),
    ),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
