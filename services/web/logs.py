"""Logs as Cloud Logging reads them: one JSON object per line on standard output, whatever a message holds."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

Line = dict[str, Any]

SEVERITIES: Final = {"WARNING": "WARNING", "ERROR": "ERROR", "CRITICAL": "CRITICAL", "DEBUG": "DEBUG"}
STANDARD: Final = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# What others log may hold what a stranger sent: addresses, headers, names. Of them, only the place is told.
OURS: Final = ("services.", "start", "gunicorn.error")
# What a pipe takes in one piece, so that lines of several processes never mix.
LONGEST: Final = 4096
WAITING: Final = 10_000
# Between two looks at what there is to write. A thread that woke up for each line would get in the requests' way.
PAUSE_SECONDS: Final = 0.02


class _Writer:
    """Writes lines from a thread of its own; when that is stuck (a reader that does not read), they are dropped."""

    def __init__(self) -> None:
        self._waiting: deque[Line | logging.LogRecord] = deque()
        self._something = threading.Event()
        self._output = standard_output()

    def start(self) -> None:
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def put(self, line: Line | logging.LogRecord) -> None:
        """Costs a microsecond or two, and never waits."""
        if len(self._waiting) < WAITING:
            self._waiting.append(line)
            if not self._something.is_set():
                self._something.set()

    def flush(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (self._waiting or self._something.is_set()) and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS / 4)

    def _run(self) -> None:
        while self._something.wait():
            while self._waiting:
                line = self._waiting.popleft()
                # A closed pipe or a full disk must not stop requests, nor a message that cannot be formatted.
                with contextlib.suppress(Exception):
                    os.write(self._output, as_text(line).encode("utf-8", "replace") + b"\n")
            self._something.clear()
            if self._waiting:
                self._something.set()
            time.sleep(PAUSE_SECONDS)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if _writer:
            _writer.put(record)


_writer: _Writer | None = None


def log_to_stdout() -> None:
    """Send every logger's INFO and above to standard output from now on. Call it once in each process."""
    global _writer
    _writer = _Writer()
    _writer.start()
    root = logging.getLogger()
    root.handlers[:] = [_Handler()]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda error: _log_uncaught(error.exc_type, error.exc_value, error.exc_traceback)


def log_line(message: str, logger: str, **fields: Any) -> None:
    """An INFO line with `fields`, without what logging does around it: for what happens with every request."""
    if _writer:
        _writer.put({"severity": "INFO", "time": time.time(), "message": message, "logger": logger} | fields)


def flush_logs(seconds: float = 1.0) -> None:
    """Wait until what was logged is written, but no longer."""
    if _writer:
        _writer.flush(seconds)


def log_fatal(message: str) -> None:
    """One last line, straight to standard output, for a process that will not start."""
    line = {"severity": "CRITICAL", "time": time.time(), "message": message, "logger": "start"}
    with contextlib.suppress(OSError):
        os.write(standard_output(), as_text(line).encode() + b"\n")


def standard_output() -> int:
    """Its descriptor, or one that swallows all where there is none."""
    return sys.stdout.fileno() if sys.stdout else os.open(os.devnull, os.O_WRONLY)


def as_text(entry: Line | logging.LogRecord) -> str:
    """severity, time, message and logger, then whatever else was given; never an exception's text."""
    line = _line(entry) if isinstance(entry, logging.LogRecord) else entry
    line["time"] = datetime.fromtimestamp(line["time"], UTC).isoformat(timespec="milliseconds")
    text = json.dumps(line, default=str)
    if len(text) < LONGEST:
        return text
    return json.dumps({key: line[key] for key in ("severity", "time", "logger")} | {"message": text[:1000] + " …"})


def place_of(where: TracebackType | None) -> str:
    """`module:line` of where an exception was raised."""
    while where and where.tb_next:
        where = where.tb_next
    return f"{where.tb_frame.f_globals.get('__name__')}:{where.tb_lineno}" if where else "?"


def _line(record: logging.LogRecord) -> Line:
    ours = record.name.startswith(OURS)
    line = {
        "severity": SEVERITIES.get(record.levelname, "INFO"),
        "time": record.created,
        "message": record.getMessage() if ours else f"{record.module}:{record.lineno}",
        "logger": record.name,
    }
    if ours:
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD}
    if record.exc_info and record.exc_info[0]:
        line["kind"] = record.exc_info[0].__name__
    return line


def _log_uncaught(kind: type[BaseException], _error: BaseException | None, where: TracebackType | None) -> None:
    extra = {"kind": kind.__name__, "place": place_of(where)}
    logging.getLogger(__name__).critical("uncaught error", extra=extra)
