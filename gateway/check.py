"""`python -m gateway check`: every error and warning in a document, in one pass, with line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.diagnostics import Diagnostic, Place
from gateway.document import Document, read_document
from gateway.rules import DEPLOYMENT_RULES, diagnostics


@dataclass(frozen=True)
class CheckedDocument:
    """A document that could be parsed, and its diagnostics sorted by line."""

    document: Document
    diagnostics: tuple[Diagnostic, ...]

    @property
    def fatal(self) -> bool:
        return any(diagnostic.fatal for diagnostic in self.diagnostics)


def check_document(path: Path, *, with_schema: bool = False) -> CheckedDocument:
    """Check the document in the file; UnsupportedDocument if it cannot be parsed.

    `with_schema` also validates it against the JSON schema of OpenAPI 2.0, which is slow for large documents.
    """
    document = read_document(path)
    found = diagnostics(document.data)
    if with_schema:
        found += diagnostics(document.data, DEPLOYMENT_RULES)
    if with_schema and "openapi" not in document.data:
        from gateway.rules.schema import schema_errors

        places = {diagnostic.place for diagnostic in found}
        found += [error for error in schema_errors(document.data) if not _is_covered(error.place, places)]
    with_lines = [replace(diagnostic, line=document.line(diagnostic.place)) for diagnostic in found]
    return CheckedDocument(document, tuple(sorted(with_lines, key=lambda diagnostic: diagnostic.line or 0)))


def _is_covered(place: Place, places: set[Place]) -> bool:
    """Whether a rule has already reported this place, one around it, or one inside it, in better words."""
    return any(other[: len(place)] == place or place[: len(other)] == other for other in places)


def report(path: Path, diagnostics: tuple[Diagnostic, ...]) -> Iterator[str]:
    """The diagnostics as text, two lines each."""
    for diagnostic in diagnostics:
        where = f"{path}:{diagnostic.line}" if diagnostic.line else str(path)
        severity = "error" if diagnostic.fatal else "warning"
        yield f"{where}: {severity}: {diagnostic.json_path}: {diagnostic.message}"
        yield f"    {diagnostic.remedy}"
