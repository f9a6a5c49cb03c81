"""The schema of OpenAPI 2.0 itself: what the other rules have no opinion on, such as the names of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match
from openapi_spec_validator.schemas import schema_v2

from gateway.problems import Problem


def fits_the_schema(document: Mapping[str, Any]) -> Iterator[Problem]:
    for error in Draft4Validator(schema_v2).iter_errors(document):
        # Of the alternatives that all fail, the one that comes closest.
        closest = best_match(iter([error])) or error
        yield Problem(tuple(closest.absolute_path), _message(closest), "see the OpenAPI 2.0 specification")


def _message(error: ValidationError) -> str:
    message = error.message
    return message if len(message) <= 200 else f"does not fit `{error.validator}` of the OpenAPI 2.0 schema"
