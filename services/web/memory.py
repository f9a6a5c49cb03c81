"""Memory that is kept and that nobody uses."""

from __future__ import annotations

import contextlib
import ctypes
import re
from pathlib import Path
from typing import Final

# glibc's, from malloc.h.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
# Linux's, from mman.h.
MADV_DONTNEED: Final = 4
MAPS: Final = Path("/proc/self/maps")
CODE: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp [^/]*/", re.MULTILINE)
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


def let_go_of_code() -> None:
    """Give back the memory that this process's code takes; what runs again is mapped again, page by page.

    Some 30 MB of OpenVINO only compile the network. The pages are the files', which nobody writes to.
    """
    with contextlib.suppress(AttributeError, OSError):
        madvise = ctypes.CDLL(None).madvise
        for begin, end in CODE.findall(MAPS.read_text()):
            start = int(begin, 16)
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(int(end, 16) - start), MADV_DONTNEED)
