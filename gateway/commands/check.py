"""`python -m gateway check`: every error and warning in a document, in one pass, with line numbers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.diagnostics import Diagnostic, Place
from gateway.document.parse import Document
from gateway.document.source import NO_ADDITIONS, STDIN, Additions, read_source
from gateway.rules import DEPLOYMENT_RULES, diagnostics

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class CheckedDocument:
    """A document that could be parsed, and its diagnostics sorted by line."""

    document: Document
    diagnostics: tuple[Diagnostic, ...]

    @property
    def fatal(self) -> bool:
        return any(diagnostic.fatal for diagnostic in self.diagnostics)


def check_document(path: Path, *, with_schema: bool = False, additions: Additions = NO_ADDITIONS) -> CheckedDocument:
    """Check the document in the file, or on standard input; UnsupportedDocument if it cannot be parsed.

    `with_schema` also validates it against the JSON schema of OpenAPI 2.0, which is slow for large documents.
    """
    with _without_collection():
        checked = _checked(read_source(path, additions), with_schema)
    # The file of a template is not the file that is deployed.
    if not with_schema or path == STDIN or additions.placeholders:
        return checked
    return replace(checked, diagnostics=(*_file_name(path), *checked.diagnostics))


def _checked(document: Document, with_schema: bool) -> CheckedDocument:
    found = diagnostics(document.data)
    if with_schema:
        found += diagnostics(document.data, DEPLOYMENT_RULES)
    if with_schema and "openapi" not in document.data:
        from gateway.rules.schema import schema_errors

        # Where a rule has already reported the place, one around it, or one inside it, its words are better.
        places = {diagnostic.place for diagnostic in found}
        around = {beginning for place in places for beginning in _beginnings(place)}
        found += [
            error
            for error in schema_errors(document.data)
            if error.place not in around and places.isdisjoint(_beginnings(error.place))
        ]
    with_lines = [replace(diagnostic, line=document.line(diagnostic.place)) for diagnostic in found]
    return CheckedDocument(document, tuple(sorted(with_lines, key=lambda diagnostic: diagnostic.line or 0)))


def _file_name(path: Path) -> Iterator[Diagnostic]:
    if path.suffix not in SUFFIXES:
        message = f"Google accepts only files whose names end in {', '.join(SUFFIXES)}"
        yield Diagnostic((), message, "rename the file", fatal=False, line=1, rule="file_has_a_known_suffix")


@contextmanager
def _without_collection() -> Iterator[None]:
    """Suspend garbage collection: parsing makes many objects and little garbage, and would take twice as long."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _beginnings(place: Place) -> list[Place]:
    """The places around the place, and the place itself."""
    return [place[:length] for length in range(len(place) + 1)]
