"""A real registry on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Registry:
    """A registry that was empty when the tests began, and the folder it keeps everything in."""

    address: str
    folder: Path

    def blobs(self) -> dict[str, int]:
        """Digest and size of all that was pushed."""
        return {path.parent.name: path.stat().st_size for path in self.folder.glob("**/blobs/**/data")}
