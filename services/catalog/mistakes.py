"""The mistakes that pydantic finds in an entry of the catalog, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.catalog.fields import short

# The names of the variants of a field, which pydantic puts after the field's own name.
VARIANTS = {
    "callable",
    "explicit",
    "folder",
    "hub",
    "inline",
    "name",
    "package",
    "timm",
    "torchvision",
    "url",
    "weights",
}


def sentences(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The field, and `/field/part: should be …, not …`, of each mistake."""
    by_place: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for mistake in error.errors(include_url=False):
        place = tuple(takewhile(lambda part: not _is_type(part), mistake["loc"]))
        by_place.setdefault(place, []).append(mistake)
    for place, mistakes in by_place.items():
        yield str(place[0]) if place else "", _sentence(*_nearest(mistakes))


def _sentence(mistake: ErrorDetails, expected: str) -> str:
    # A variant comes second, after the field it belongs to; a field with the same name comes first.
    place = [part for i, part in enumerate(mistake["loc"]) if not (i == 1 and part in VARIANTS | {"file"})]
    where = "".join(f"/{part}" for part in place if not _is_type(part))
    if mistake["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: is not a field"
    if mistake["type"] in ("missing", "missing_argument"):
        return f"{where}: is missing"
    if mistake["type"] == "value_error":
        return f"{where}: {mistake['msg'].removeprefix('Value error, ')}"
    return f"{where}: {expected}, not {short(mistake['input'])}"


def _nearest(mistakes: list[ErrorDetails]) -> tuple[ErrorDetails, str]:
    """The mistake to tell and what was expected. If a value may have several types, there is one mistake for each."""
    first = mistakes[0]
    nearest = max(mistakes, key=lambda mistake: len(mistake["loc"]))
    if len(nearest["loc"]) > len(first["loc"]):
        return nearest, _expected(nearest)
    more = [_expected(mistake).removeprefix("should be ") for mistake in mistakes[1:]]
    return first, " or ".join(dict.fromkeys([_expected(first), *more]))


def _expected(mistake: ErrorDetails) -> str:
    return mistake["msg"].removeprefix("Input ")


def _is_type(part: str | int) -> bool:
    """Whether this part of a mistake's place is the name of a type, which pydantic puts after the field's name."""
    return part == "int" or str(part).endswith("]")
