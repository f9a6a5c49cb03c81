"""What the processes of a service need before they log: standard streams, and a line for a start that fails.

Imports `services.logs` only for that line: it takes 10 ms of a cold start.
"""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Open closed standard streams as /dev/null, so that no socket gets their file descriptors."""
    while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(file)


def log_fatal(message: str) -> None:
    """Write one line directly to standard output, for a process that cannot start."""
    log_at_start("CRITICAL", message)


def log_at_start(level: str, message: str) -> None:
    """Write one line directly to standard output, in a process that does not yet log."""
    import logging

    from services.logs import LineFormatter

    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(LineFormatter())
    output.emit(logging.LogRecord("start", logging.getLevelNamesMapping()[level], "", 0, "%s", (message,), None))
