"""What the visitor says is right for an image."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """`asked` is the label that the visitor said is right or wrong; `label` is the right one, or "" if unknown."""

    asked: str
    label: str = ""

    def is_right(self, labels: Collection[str]) -> bool | None:
        """Whether a model that says these labels is right; None if the mark does not tell."""
        if self.label:
            return self.label in labels
        return False if self.asked in labels else None
