"""Reads a document from a file or standard input, with what the command line adds to it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.diagnostics import Diagnostic, UnsupportedDocument
from gateway.document.fields import mapping
from gateway.document.parse import RULE, Document, parse_document
from gateway.document.yaml_file import YamlFileError, decoded, read_text

STDIN = Path("-")
DEFAULT_BACKEND = "default-backend"


@dataclass(frozen=True)
class Additions:
    """Values of placeholders, and the address of the backend for operations without one."""

    placeholders: Mapping[str, str] = field(default_factory=dict)
    default_backend: str | None = None


NO_ADDITIONS = Additions()


def read_source(path: Path, additions: Additions = NO_ADDITIONS) -> Document:
    """The document in the file, or on standard input if the path is `-`.

    UnsupportedDocument if it cannot be read or parsed.
    """
    try:
        text = decoded(sys.stdin.buffer) if path == STDIN else read_text(path)
    except YamlFileError as err:
        remedy = "give the path of an OpenAPI document in UTF-8"
        raise UnsupportedDocument([Diagnostic((), str(err), remedy, rule=RULE)]) from err
    document = parse_document(with_placeholders(text, additions.placeholders))
    if additions.default_backend is None:
        return document
    return replace(document, data=with_default_backend(document.data, additions.default_backend))


def with_placeholders(text: str, values: Mapping[str, str]) -> str:
    """The text with `${NAME}` and `$NAME`, and the whole word `NAME` in capitals, replaced by its value."""
    if not values:
        return text
    # In one pass, so that a value which looks like a placeholder stays as it is.
    pattern = "|".join(map(_pattern, sorted(values, key=len, reverse=True)))
    return re.sub(pattern, lambda found: values[found[0].strip("${}")], text)


def _pattern(name: str) -> str:
    marked = rf"\$\{{{re.escape(name)}\}}|\${re.escape(name)}(?!\w)"
    # Names in small letters are words of the document, too.
    return marked if name != name.upper() else rf"{marked}|(?<!\w){re.escape(name)}(?!\w)"


def with_default_backend(data: dict[str, Any], address: str) -> dict[str, Any]:
    """The document with a backend for operations without one: no ID token, and the path appended, as in ESPv2."""
    if "x-google-backend" in data:
        return data
    if "openapi" not in data:
        translation = "APPEND_PATH_TO_ADDRESS"
        backend = {"address": address, "path_translation": translation, "disable_auth": True}
        return {**data, "x-google-backend": backend}
    named = {"address": address, "pathTranslation": "APPEND_PATH_TO_ADDRESS", "disableAuth": True}
    management = mapping(data, "x-google-api-management")
    backends = {**mapping(management, "backends"), DEFAULT_BACKEND: named}
    return {
        **data,
        "x-google-api-management": {**management, "backends": backends},
        "x-google-backend": DEFAULT_BACKEND,
    }
