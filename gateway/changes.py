"""What a conversion to another version of OpenAPI changes in a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
