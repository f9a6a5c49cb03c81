"""One picture that takes much memory at a time, in all processes together."""

from __future__ import annotations

import fcntl
import os
from types import TracebackType


class Alone:
    """A lock between processes that are forked from the one that made it; the kernel opens it when its holder dies."""

    def __init__(self) -> None:
        self._file = os.memfd_create("alone")

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
