"""Logs as Cloud Logging reads them: one JSON object per line on standard output."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from types import TracebackType
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from services.location import location_of

# Messages from other loggers may contain URLs, headers or names from requests, so only their location is logged.
OURS: Final = ("services.", "start")
# Writes to a pipe are atomic up to this length, so lines from several processes never mix.
MAX_LINE: Final = 4096
MAX_QUEUED: Final = 10_000
BATCH_SECONDS: Final = 0.02
FLUSH_SECONDS: Final = 0.5
FIELDS: Final = {"levelname": "severity", "name": "logger"}


class Redaction(logging.Filter):
    """Removes the text of exceptions, and of messages from other packages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: every record is logged."""
        if not record.name.startswith(OURS):
            record.msg, record.args = f"{record.module}:{record.lineno}", None
        if record.exc_info and record.exc_info[0]:
            record.kind = record.exc_info[0].__name__
        record.exc_info = record.exc_text = record.stack_info = None
        return True


class LineFormatter(JsonFormatter):
    """severity, time, message, logger and the record's extra fields; at most MAX_LINE bytes."""

    def __init__(self) -> None:
        super().__init__([*FIELDS, "message"], rename_fields=FIELDS, timestamp="time")

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = super().format(record)
        if len(line) < MAX_LINE:
            return line
        short = f"{record.getMessage()[:500]} …"
        return super().format(logging.LogRecord(record.name, record.levelno, "", 0, short, None, None))


class DroppingQueueHandler(QueueHandler):
    """Never blocks: drops records while the writing thread is blocked, for example by a full pipe."""

    queue: SimpleQueue[logging.LogRecord]

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Unchanged: the record never leaves the process, so it need not be picklable."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Called by the base class."""
        if self.queue.qsize() < MAX_QUEUED:
            self.queue.put_nowait(record)


class BatchingQueueListener(QueueListener):
    """Writes the queued records every BATCH_SECONDS: waking this thread for each line would delay requests."""

    queue: SimpleQueue[logging.LogRecord]

    def dequeue(self, block: bool) -> logging.LogRecord:
        """Called by the base class."""
        if self.queue.empty():
            time.sleep(BATCH_SECONDS)
        return super().dequeue(block)


@contextlib.contextmanager
def logging_to_stdout() -> Iterator[None]:
    """Send every logger's INFO and above to standard output."""
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(LineFormatter())
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = DroppingQueueHandler(records)
    handler.addFilter(Redaction())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    # Not in our lines, so do not spend time on them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda error: _log_uncaught(error.exc_type, error.exc_value, error.exc_traceback)
    listener = BatchingQueueListener(records, output)
    listener.start()
    try:
        yield
    finally:
        # Write the queued records, unless the output is blocked.
        stopping = threading.Thread(target=listener.stop, daemon=True)
        stopping.start()
        stopping.join(FLUSH_SECONDS)
        if stopping.is_alive():
            # The interpreter would wait for the writing thread when it exits.
            os._exit(0)


def _log_uncaught(kind: type[BaseException], _error: BaseException | None, where: TracebackType | None) -> None:
    extra = {"kind": kind.__name__, "place": location_of(where)}
    logging.getLogger(__name__).critical("uncaught error", extra=extra)
