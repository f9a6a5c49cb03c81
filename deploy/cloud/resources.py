"""The resources that a deployment creates in Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "enabled API",
    "repository",
    "account",
    "image",
    "service",
    "secret",
    "api",
    "config",
    "gateway",
    "managed service",
    "key",
    "role",
    "sources",
    "metric",
    "dashboard",
    "alert",
]


@dataclass(frozen=True, order=True)
class Resource:
    """A resource; its text is its line in deliverables.yaml."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
