"""Diagnostics as text, and in the formats that other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.diagnostics import Diagnostic, Severity

TOOL = "guichet-gateway"
# At most so many lines of identical warnings are listed.
LINES = 10
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    """The formats of `check`."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@dataclass(frozen=True)
class Report:
    """The diagnostics of the document with this path, and what must change for OpenAPI 3, each sorted by line."""

    path: Path
    diagnostics: tuple[Diagnostic, ...]
    changes: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        return shown_name(self.path)

    @property
    def entries(self) -> tuple[Diagnostic, ...]:
        return self.diagnostics + self.changes

    @property
    def fatal(self) -> bool:
        return any(diagnostic.fatal for diagnostic in self.diagnostics)

    @property
    def counts(self) -> str:
        """`1 error and 2 warnings`; empty without diagnostics."""
        errors = sum(diagnostic.fatal for diagnostic in self.diagnostics)
        counts = {"error": errors, "warning": len(self.diagnostics) - errors}
        return " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items() if count)


def shown_name(path: Path) -> str:
    return "stdin" if str(path) == "-" else str(path)


def printable(line: str) -> str:
    """The line without what a document could send to a terminal: colours, movements, other directions of text."""
    return "".join(character if character.isprintable() else "?" for character in line)


def as_text(path: Path, diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
    """Each diagnostic, and its remedy in the next line; all but errors are one if they differ only in their place."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, found in enumerate(diagnostics):
        same = number if found.fatal else (found.rule, found.message, found.remedy)
        groups.setdefault(same, []).append(found)
    for first, *others in groups.values():
        where = f"{shown_name(path)}:{first.line}" if first.line else shown_name(path)
        yield f"{where}: {first.severity}: {first.json_path}: {first.message}"
        if first.remedy:
            yield f"    {first.remedy}"
        if others:
            lines = ", ".join(str(one.line) for one in others[:LINES])
            more = f" and {len(others) - LINES} more" if len(others) > LINES else ""
            yield f"    the same in line{'s' if len(others) > 1 else ''} {lines}{more}"


def as_json(reports: Iterable[Report]) -> str:
    """A list of the diagnostics and changes of all documents."""
    found = [
        {
            "document": report.name,
            "line": diagnostic.line,
            "severity": diagnostic.severity,
            "rule": diagnostic.rule,
            "path": diagnostic.json_path,
            "message": diagnostic.message,
            "remedy": diagnostic.remedy,
        }
        for report in reports
        for diagnostic in report.entries
    ]
    return json.dumps(found, indent=2, ensure_ascii=False)


def as_github(reports: Iterable[Report]) -> Iterator[str]:
    """Workflow commands, which GitHub Actions shows beside the lines of a pull request."""
    for report in reports:
        for found in report.entries:
            properties = f"file={_property(report.name)},line={found.line or 1},title={_property(found.rule)}"
            command = "notice" if found.severity is Severity.NOTE else found.severity
            yield f"::{command} {properties}::{_data(str(found))}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(reports: Iterable[Report]) -> str:
    """SARIF 2.1.0, for code scanning."""
    results = [_sarif_result(report, found) for report in reports for found in report.entries]
    rules = [{"id": name} for name in sorted({result["ruleId"] for result in results})]
    run = {"tool": {"driver": {"name": TOOL, "rules": rules}}, "results": results}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(report: Report, found: Diagnostic) -> dict[str, Any]:
    uri = report.path.as_uri() if report.path.is_absolute() else quote(Path(report.name).as_posix())
    location = {"artifactLocation": {"uri": uri}, "region": {"startLine": found.line or 1}}
    return {
        "ruleId": found.rule,
        "level": found.severity,
        "message": {"text": found.text},
        "locations": [
            {"physicalLocation": location, "logicalLocations": [{"fullyQualifiedName": found.json_path}]},
        ],
    }
