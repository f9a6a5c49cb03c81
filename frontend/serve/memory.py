"""Makes the C library return freed memory to the OS, so that one visitor's large files do not stay with the process."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

# glibc's mallopt parameters. Its threshold for a mapping of its own, which is returned when freed, grows to 32 MiB
# unless it is set.
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
MAPPED_FROM = 128 * 1024
ARENAS = 2


def limit_unused_memory() -> None:
    """Call it before threads start."""
    with suppress(AttributeError, OSError):  # not glibc
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)
        libc.mallopt(M_ARENA_MAX, ARENAS)


def return_memory() -> None:
    """Return unused memory to the OS."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
