"""A process that does not outlive the one that started it."""

from __future__ import annotations

import shutil


def tethered(command: list[str]) -> list[str]:
    """`command`, killed by the kernel when the process that starts it ends, where util-linux's setpriv is at hand."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command
