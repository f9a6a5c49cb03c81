"""What `check` reports about a document: where, what is wrong, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

# The keys and indexes that lead from the document's root to a value.
Place = tuple[str | int, ...]


class Severity(StrEnum):
    """How serious a diagnostic is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Diagnostic:
    """An error if `fatal`, which keeps the document from being deployed or served; otherwise a warning.

    `rule` is the name of the rule that it breaks: it is stable, the message is not.
    """

    place: Place
    message: str
    remedy: str = ""
    fatal: bool = True
    line: int | None = None
    rule: str = ""

    @property
    def json_path(self) -> str:
        return json_path(self.place)

    @property
    def severity(self) -> Severity:
        return Severity.ERROR if self.fatal else Severity.WARNING

    @property
    def text(self) -> str:
        """The message and its remedy, if there is one."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        return f"{self.json_path}: {self.text}"


class UnsupportedDocument(Exception):
    """The document cannot be served; `diagnostics` holds every reason."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


def json_path(place: Place) -> str:
    """`("paths", "/v1/x", "get", "tags", 0)` -> `$.paths['/v1/x'].get.tags[0]`."""
    parts = ["$"]
    for key in place:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif re.fullmatch(r"[A-Za-z_$][\w-]*", key):
            parts.append(f".{key}")
        else:
            parts.append("['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']")
    return "".join(parts)
