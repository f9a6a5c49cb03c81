"""What the C library does with memory that is no longer used."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

# glibc's, from malloc.h.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 8 << 20


def return_large_blocks() -> None:
    """From now on, in this process and its forks, glibc gives large blocks back to the system when they are freed.

    Left alone, it learns from the first large body to keep all that come after, between small blocks that stay.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
