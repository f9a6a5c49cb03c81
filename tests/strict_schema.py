"""Checks values against the definitions of an OpenAPI 2.0 document; a field that is not defined is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft4Validator


def schema_errors(document: Mapping[str, Any], definition: str, value: Any) -> list[str]:
    """Everything in which the value differs from the definition, such as a missing field or one that is not defined."""
    definitions = {name: strict(schema) for name, schema in document["definitions"].items()}
    schema = {"$ref": f"#/definitions/{definition}", "definitions": definitions}
    return [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(value)]


def strict(schema: Any) -> Any:
    """The schema without undefined fields; `x-nullable` also allows null. Objects without properties stay open."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), Mapping) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return {"anyOf": [found, {"type": "null"}]} if schema.get("x-nullable") is True else found
