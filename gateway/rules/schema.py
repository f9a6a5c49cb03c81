"""The JSON schema of OpenAPI 2.0, for what no other rule covers, such as unknown fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match
from openapi_spec_validator.schemas import schema_v2

from gateway.diagnostics import Diagnostic


def schema_errors(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for error in Draft4Validator(schema_v2).iter_errors(document):
        # If no alternative of an anyOf or oneOf fits, report the one that comes closest.
        closest = best_match(iter([error])) or error
        place = tuple(closest.absolute_path)
        if closest.validator == "additionalProperties":
            for key in _unknown_fields(closest):
                yield Diagnostic(
                    (*place, key), "is not a field of OpenAPI 2.0", "check its spelling, or begin it with `x-`"
                )
        else:
            yield Diagnostic(place, _message(closest), "see the OpenAPI 2.0 specification")


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
