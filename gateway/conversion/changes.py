"""What a conversion to another version of OpenAPI changes in a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.diagnostics import Diagnostic, Place, Severity

CHANGED = "change_for_openapi_3"
LOST = "no_equivalent_in_openapi_3"


class Change(Diagnostic):
    """What becomes of the value at `place`; `lost` if the other version has no equivalent."""

    @property
    def lost(self) -> bool:
        return self.rule == LOST

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.lost else Severity.NOTE


@dataclass
class Notes:
    """The changes so far."""

    changes: list[Change] = field(default_factory=list)

    def changed(self, place: Place, message: str) -> None:
        self.changes.append(Change(place, message, fatal=False, rule=CHANGED))

    def lost(self, place: Place, message: str) -> None:
        self.changes.append(Change(place, message, fatal=False, rule=LOST))


class ConversionError(Exception):
    """The document cannot be converted without a loss; `changes` holds every reason."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self.changes = tuple(changes)
        super().__init__("\n".join(map(str, self.changes)))


def not_convertible(message: str) -> ConversionError:
    """The error for a document that cannot be converted as a whole."""
    return ConversionError([Change((), message, fatal=False, rule=LOST)])
