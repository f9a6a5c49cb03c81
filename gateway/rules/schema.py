"""The JSON schema of OpenAPI 2.0, for what no other rule covers, such as unknown fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft4Validator, ValidationError

from gateway.diagnostics import Diagnostic, Place

RULE = "openapi_schema"
SCHEMA = Path(__file__).with_name("openapi_2_0.json")


def schema_errors(document: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for error in _validator().iter_errors(document):
        closest = _closest(error)
        place = _place(document, closest.instance_path)
        for key in getattr(closest.kind, "unexpected", ()):
            remedy = "check its spelling, or begin it with `x-`"
            yield Diagnostic((*place, key), f"{key!r} is not a field of OpenAPI 2.0", remedy, rule=RULE)
        if not hasattr(closest.kind, "unexpected"):
            yield Diagnostic(place, _message(closest), "see the OpenAPI 2.0 specification", rule=RULE)


@lru_cache(maxsize=1)
def _validator() -> Draft4Validator:
    # Formats are not validated: Google accepts an empty `authorizationUrl`.
    return Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), validate_formats=False)


def _closest(error: ValidationError) -> ValidationError:
    """If none of several alternatives fits, the deepest error inside the alternative that comes closest."""
    branches = [branch for branch in getattr(error.kind, "context", ()) if not any(map(_is_of_another_kind, branch))]
    inner = [_closest(found) for branch in branches for found in branch]
    return max([error, *inner], key=lambda found: len(found.instance_path))


def _is_of_another_kind(error: ValidationError) -> bool:
    """Whether a value such as that of `type` or `in` shows that another alternative is meant."""
    return type(error.kind).__name__ == "Enum"


def _place(document: Any, path: list[str | int]) -> Place:
    """The path with the keys of mappings as strings; the validator returns keys such as "200" as numbers."""
    place: Place = ()
    for step in path:
        key = str(step) if isinstance(document, Mapping) else step
        place, document = (*place, key), document[key]
    return place


def _message(error: ValidationError) -> str:
    is_choice = type(error.kind).__name__.startswith(("AnyOf", "OneOf"))
    if is_choice or len(error.message) > 200:
        return "fits none of the forms that OpenAPI 2.0 allows here"
    return error.message
