"""Return unused memory to the OS."""

from __future__ import annotations

import contextlib
import ctypes
import re
from pathlib import Path
from typing import Final

# From glibc's malloc.h.
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
# From Linux's mman.h.
MADV_DONTNEED: Final = 4
MAPS: Final = Path("/proc/self/maps")
# Code, and the weights that OpenVINO has copied into its own layout. Never other read-only mappings of a library: the
# loader has written to some of them.
FILE_PAGES: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r(?:-xp [^/]*/|--[ps] .*/model\.bin$)", re.MULTILINE)
LARGE_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 8 << 20
# Threads that share the GIL need no heaps of their own.
ARENAS: Final = 2


def limit_heap() -> None:
    """Configure glibc, in this process and its forks, to use few heaps and to unmap large blocks when they are freed.

    By default, glibc raises its threshold after the first large body and then keeps the memory of later ones.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)


def release_file_pages() -> None:
    """Unmap this process's pages of code and weights; the kernel reads those that are used again from the files.

    About 30 MB of OpenVINO's code is used only to compile the network.
    """
    with contextlib.suppress(AttributeError, OSError):
        madvise = ctypes.CDLL(None).madvise
        for begin, end in FILE_PAGES.findall(MAPS.read_text()):
            start = int(begin, 16)
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(int(end, 16) - start), MADV_DONTNEED)
