"""Cross-process lock: decode one large image at a time."""

from __future__ import annotations

import fcntl
import os
from types import TracebackType


class LargeImageLock:
    """Shared with processes forked later; the kernel releases it when its holder dies."""

    def __init__(self) -> None:
        self._file = os.memfd_create("large-image")

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
