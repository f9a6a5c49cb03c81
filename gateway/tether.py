"""Child processes that never outlive their parent, not even one that is killed with -9."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache


def tethered(argv: Sequence[str]) -> list[str]:
    """The command, wrapped so that the kernel kills it when the thread that started it ends, where it can do so."""
    return [*_tether(), *argv]


@lru_cache(maxsize=1)
def _tether() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    command = (setpriv, "--pdeathsig", "KILL", "--")
    # BusyBox has a setpriv without --pdeathsig.
    works = subprocess.run([*command, setpriv, "--version"], capture_output=True, check=False).returncode == 0
    return command if works else ()
