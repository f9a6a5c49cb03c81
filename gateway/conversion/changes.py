"""What a conversion to another version of OpenAPI changes in a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.diagnostics import Place, json_path


@dataclass(frozen=True)
class Change:
    """What becomes of the value at `place`; `lost` if the other version has no equivalent."""

    place: Place
    message: str
    lost: bool = False
    line: int | None = None

    def __str__(self) -> str:
        return f"{json_path(self.place)}: {self.message}"


@dataclass
class Notes:
    """The changes so far."""

    changes: list[Change] = field(default_factory=list)

    def changed(self, place: Place, message: str) -> None:
        self.changes.append(Change(place, message))

    def lost(self, place: Place, message: str) -> None:
        self.changes.append(Change(place, message, lost=True))


class ConversionError(Exception):
    """The document cannot be converted without a loss; `changes` holds every reason."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = tuple(changes)
        super().__init__("\n".join(map(str, changes)))


def change_report(path: Path, changes: Iterable[Change]) -> Iterator[str]:
    """One line for each change; identical changes are one line, with the lines of the others."""
    groups: dict[tuple[bool, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.lost, change.message), []).append(change)
    for (lost, _), [first, *others] in groups.items():
        where = f"{path}:{first.line}" if first.line else str(path)
        also = f" (also in line {', '.join(str(other.line) for other in others)})" if others else ""
        yield f"{where}: {'cannot be converted' if lost else 'change'}: {first}{also}"
