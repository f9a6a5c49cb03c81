"""Ties a child process to its parent: the kernel kills the child when the parent dies, even of SIGKILL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache


def die_with_parent(argv: Sequence[str]) -> list[str]:
    """The command, wrapped so that it is killed when the thread that starts it ends; unchanged without `setpriv`."""
    return [*_setpriv(), *argv]


@lru_cache(maxsize=1)
def _setpriv() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    command = (setpriv, "--pdeathsig", "KILL", "--")
    # BusyBox has a setpriv without --pdeathsig.
    works = subprocess.run([*command, setpriv, "--version"], capture_output=True, check=False).returncode == 0
    return command if works else ()
