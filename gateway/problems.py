"""What can be wrong with a document: a place, a sentence, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that Google would refuse or that would differ here; `fatal` unless it is only worth a warning."""

    place: Place
    message: str
    remedy: str
    fatal: bool = True
    line: int | None = None

    @property
    def json_path(self) -> str:
        return json_path(self.place)

    def __str__(self) -> str:
        return f"{self.json_path}: {self.message}; {self.remedy}"


class UnsupportedSpec(Exception):
    """The document cannot be run; `problems` holds every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


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
