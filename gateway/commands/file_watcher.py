"""Notices that files have changed, once whoever writes them has finished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Signature = tuple[int, int, int]


class FileWatcher:
    """Compares the files at each call of `changed` with what they were when the watcher was made or last reported."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._reported = self._latest = self._signatures()

    def changed(self) -> bool:
        """True once for each change, and only after two calls have seen the same state: the write is then complete."""
        previous, self._latest = self._latest, self._signatures()
        if self._latest != previous or self._latest == self._reported:
            return False
        self._reported = self._latest
        return True

    def _signatures(self) -> list[Signature | None]:
        return [_signature(path) for path in self._files]


def _signature(path: Path) -> Signature | None:
    """Differs after the file is edited or replaced; None if it does not exist."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
