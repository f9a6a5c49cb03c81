"""Rules on `$ref`."""

from typing import Any

import pytest

from gateway.rules.references import references_resolve
from tests.gateway.documents import GET, with_operation
from tests.gateway.rules.verdicts import Row, assert_error, assert_warning


def with_schema(reference: str, **more: Any) -> dict[str, Any]:
    return with_operation(responses={"200": {"description": "ok", "schema": {"$ref": reference}}}) | more


SCHEMA = (*GET, "responses", "200", "schema", "$ref")
ERRORS: dict[str, Row] = {
    "external-file": (
        references_resolve,
        with_operation(responses={"200": {"$ref": "other.yaml#/ok"}}),
        (*GET, "responses", "200", "$ref"),
    ),
    "external-url": (
        references_resolve,
        with_operation(parameters=[{"$ref": "https://x.test/p.yaml"}]),
        (*GET, "parameters", 0, "$ref"),
    ),
    "section-that-is-missing": (references_resolve, with_schema("#/definitions/Nope"), SCHEMA),
    "reference-to-itself": (
        references_resolve,
        with_schema("#/definitions/a", definitions={"a": {"$ref": "#/definitions/a"}}),
        SCHEMA,
    ),
    "list-of-itself": (
        references_resolve,
        with_schema("#/definitions/a", definitions={"a": {"type": "array", "items": {"$ref": "#/definitions/a"}}}),
        SCHEMA,
    ),
    "schema-that-is-not-a-definition": (
        references_resolve,
        with_schema("#/schemas/a", schemas={"a": {"type": "object"}}),
        SCHEMA,
    ),
    "in-the-default-response": (
        references_resolve,
        with_operation(responses={"default": {"$ref": "other.yaml#/ok"}}),
        (*GET, "responses", "default", "$ref"),
    ),
    "two-references-to-each-other": (
        references_resolve,
        with_operation(parameters=[{"$ref": "#/parameters/a"}])
        | {"parameters": {"a": {"$ref": "#/parameters/b"}, "b": {"$ref": "#/parameters/a"}}},
        (*GET, "parameters", 0, "$ref"),
    ),
}
WARNINGS: dict[str, Row] = {
    "name-that-is-missing": (references_resolve, with_schema("#/definitions/Nope", definitions={"a": {}}), SCHEMA),
}


def test_a_schema_may_contain_itself() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/definitions/tree"}}}
    assert list(references_resolve(with_schema("#/definitions/tree", definitions={"tree": tree}))) == []


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_an_error(row: Row) -> None:
    assert_error(*row)


@pytest.mark.parametrize("row", WARNINGS.values(), ids=WARNINGS)
def test_a_doubtful_value_is_a_warning(row: Row) -> None:
    assert_warning(*row)
