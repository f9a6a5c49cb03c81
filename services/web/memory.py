"""How much memory the C library keeps that nobody uses."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

# glibc's, from malloc.h.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
LARGE_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 8 << 20
# Threads that share Python's lock need no heaps of their own.
ARENAS: Final = 2


def keep_little_memory() -> None:
    """From now on, in this process and its forks, glibc has few heaps, and gives large blocks back when they are freed.

    Left alone, it learns from the first large body to keep all that come after, between small blocks that stay.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)
