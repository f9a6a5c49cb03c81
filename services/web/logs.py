"""Logs as Cloud Logging reads them: one JSON object per line on standard output, whatever a message holds."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from queue import Full, Queue
from typing import Any

SEVERITIES = {"WARNING": "WARNING", "ERROR": "ERROR", "CRITICAL": "CRITICAL", "DEBUG": "DEBUG"}
STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """severity, time, logger and message, then whatever was given as `extra`; never an exception's text."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": SEVERITIES.get(record.levelname, "INFO"),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "message": record.getMessage(),
            "logger": record.name,
        }
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_info and record.exc_info[0]:
            line["kind"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


class _Dropping(logging.handlers.QueueHandler):
    """Hands records to the writing thread; when that is stuck (a reader that does not read), they are dropped."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Full):
            self.queue.put_nowait(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


def log_to_stdout() -> None:
    """Send every logger's INFO and above to standard output, from a thread of its own. Call it once in each process."""
    output = logging.StreamHandler(os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, errors="replace"))
    output.setFormatter(JsonLines())
    output.handleError = lambda record: None  # type: ignore[method-assign]  # a closed pipe must not stop requests
    queue: Queue[logging.LogRecord] = Queue(10_000)
    listener = logging.handlers.QueueListener(queue, output)
    root = logging.getLogger()
    root.handlers[:] = [_Dropping(queue)]
    root.setLevel(logging.INFO)
    listener.start()


def log_fatal(message: str) -> None:
    """One last line, straight to standard output, for a process that will not start."""
    print(
        JsonLines().format(logging.makeLogRecord({"name": "start", "levelname": "CRITICAL", "msg": message})),
        flush=True,
    )
