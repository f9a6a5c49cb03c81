"""Rules on paths, operations and parameters."""

from typing import Any

import pytest

from gateway.diagnostics import Place
from gateway.rules import Rule, paths
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
from tests.gateway.rules.verdicts import assert_error, assert_warning

ERRORS = [
    pytest.param(paths.has_paths, without("paths"), ("paths",), id="no-paths"),
    pytest.param(paths.has_paths, valid_document() | {"paths": {}}, ("paths",), id="empty-paths"),
    pytest.param(paths.path_templates_are_valid, with_path("y"), ("paths", "y"), id="relative-path"),
    pytest.param(
        paths.path_templates_are_valid, with_path("/prefix_{id}"), ("paths", "/prefix_{id}"), id="partial-segment"
    ),
    pytest.param(
        paths.path_templates_are_valid,
        with_path("/{id}.json"),
        ("paths", "/{id}.json"),
        id="partial-segment-with-suffix",
    ),
    pytest.param(
        paths.path_templates_are_valid, with_path("/{a}-{b}"), ("paths", "/{a}-{b}"), id="two-variables-in-a-segment"
    ),
    pytest.param(
        paths.path_templates_are_valid, with_path("/{a=**}/{b}"), ("paths", "/{a=**}/{b}"), id="variable-after-rest"
    ),
    pytest.param(paths.path_templates_are_valid, with_path("/{a}/{a}"), ("paths", "/{a}/{a}"), id="variable-twice"),
    pytest.param(paths.path_templates_are_valid, with_path("/{}"), ("paths", "/{}"), id="variable-without-a-name"),
    pytest.param(paths.path_templates_are_valid, with_path("/{a"), ("paths", "/{a"), id="braces-left-open"),
    pytest.param(paths.path_templates_are_valid, with_path("/a//b"), ("paths", "/a//b"), id="unreachable-double-slash"),
    pytest.param(paths.path_templates_are_valid, with_path("/a/../b"), ("paths", "/a/../b"), id="unreachable-dots"),
    pytest.param(paths.path_templates_are_valid, with_path("/%41"), ("paths", "/%41"), id="unreachable-encoding"),
    pytest.param(paths.path_templates_are_valid, with_path("/a b"), ("paths", "/a b"), id="unreachable-space"),
    pytest.param(paths.path_templates_are_valid, with_path("/für"), ("paths", "/für"), id="unreachable-umlaut"),
    pytest.param(paths.path_templates_are_valid, with_path("/a?b=c"), ("paths", "/a?b=c"), id="unreachable-query"),
    pytest.param(paths.path_templates_are_valid, with_path("/a#b"), ("paths", "/a#b"), id="unreachable-fragment"),
    pytest.param(
        paths.path_templates_are_unique,
        document({"/{a}": {"get": operation(URL)}, "/{b}": {"get": operation(URL)}}),
        ("paths", "/{b}", "get"),
        id="unreachable-twin",
    ),
    pytest.param(
        paths.path_templates_are_unique, with_path("/x/"), ("paths", "/x/", "get"), id="unreachable-but-for-a-slash"
    ),
    pytest.param(
        paths.path_items_hold_operations,
        valid_document() | {"paths": {"/x": None}},
        ("paths", "/x"),
        id="path-item-is-no-mapping",
    ),
    pytest.param(
        paths.path_items_hold_operations,
        valid_document() | {"paths": {"/x": {"$ref": "#/definitions/x"}}, "definitions": {"x": {}}},
        ("paths", "/x", "$ref"),
        id="path-item-elsewhere",
    ),
    pytest.param(
        paths.path_items_hold_operations, with_path("/y", trace={}), ("paths", "/y", "trace"), id="unknown-method"
    ),
    pytest.param(
        paths.path_items_hold_operations, with_path("/y", POST={}), ("paths", "/y", "POST"), id="method-in-capitals"
    ),
    pytest.param(
        paths.operation_ids_are_unique,
        document(
            {
                "/x": {"get": {**operation(URL), "operationId": "same"}},
                "/y": {"get": {**operation(URL), "operationId": "same"}},
            }
        ),
        ("paths", "/y", "get", "operationId"),
        id="operation-id-twice",
    ),
    pytest.param(paths.operations_have_responses, without(*GET, "responses"), GET, id="no-responses"),
    pytest.param(
        paths.operations_have_responses, with_operation(responses={}), (*GET, "responses"), id="empty-responses"
    ),
    pytest.param(
        paths.operations_have_responses,
        with_operation(responses={"2xx": {"description": "ok"}}),
        (*GET, "responses", "2xx"),
        id="odd-status",
    ),
    pytest.param(
        paths.operations_have_responses,
        with_operation(responses={"200": {}}),
        (*GET, "responses", "200"),
        id="response-without-description",
    ),
    pytest.param(
        paths.path_parameters_match_the_path,
        with_path("/y/{id}"),
        ("paths", "/y/{id}", "get"),
        id="path-parameter-not-declared",
    ),
    pytest.param(
        paths.path_parameters_match_the_path,
        with_operation(parameters=[parameter("id")]),
        GET,
        id="path-parameter-not-in-the-path",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_path("/y/{id}", parameters=[parameter("id", required=False)]),
        ("paths", "/y/{id}", "parameters", 0),
        id="path-parameter-not-required",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[{"in": "query"}]),
        (*GET, "parameters", 0),
        id="parameter-without-name",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[parameter("a", "cookie")]),
        (*GET, "parameters", 0),
        id="parameter-in-a-cookie",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[parameter("a", "query"), parameter("a", "query")]),
        (*GET, "parameters", 1),
        id="parameter-twice",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "query"}]),
        (*GET, "parameters", 0),
        id="parameter-without-type",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[{"name": name, "in": "body", "schema": {}} for name in "ab"]),
        GET,
        id="two-bodies",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "body", "schema": {}}, parameter("b", "formData")]),
        GET,
        id="body-and-form",
    ),
    pytest.param(
        paths.parameters_are_valid,
        with_operation(parameters=[{"name": "a", "in": "body"}]),
        (*GET, "parameters", 0),
        id="body-without-schema",
    ),
]
WARNINGS = [
    pytest.param(paths.path_templates_are_valid, with_path("/y/"), ("paths", "/y/"), id="path-that-ends-in-a-slash"),
]


@pytest.mark.parametrize(("rule", "document", "place"), ERRORS)
def test_a_mistake_is_an_error(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_error(rule, document, place)


@pytest.mark.parametrize(("rule", "document", "place"), WARNINGS)
def test_a_doubtful_value_is_a_warning(rule: Rule, document: dict[str, Any], place: Place) -> None:
    assert_warning(rule, document, place)
