"""The schema of OpenAPI 2.0 itself: what the other rules have no opinion on, such as the names of fields."""

from __future__ import annotations

import re
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
        place = tuple(closest.absolute_path)
        if closest.validator == "additionalProperties":
            for key in _unknown_fields(closest):
                yield Problem((*place, key), "is no field of OpenAPI 2.0", "check its spelling, or begin it with `x-`")
        else:
            yield Problem(place, _message(closest), "see the OpenAPI 2.0 specification")


def _unknown_fields(error: ValidationError) -> Iterator[str]:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    patterns = schema.get("patternProperties", {})
    instance: Any = error.instance
    for key in instance:
        if key not in schema.get("properties", {}) and not any(re.search(pattern, key) for pattern in patterns):
            yield key


def _message(error: ValidationError) -> str:
    message = error.message
    return message if len(message) <= 200 else f"does not fit `{error.validator}` of the OpenAPI 2.0 schema"
