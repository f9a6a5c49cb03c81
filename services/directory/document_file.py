"""Keep the published document up to date: read its file again once a minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from services.published_document import DocumentError, PublishedDocument, read_published

log = logging.getLogger(__name__)

# Each read of a mounted secret is billed.
MAX_AGE_SECONDS = 60.0


class DocumentFile:
    """Call it for the file's content, at most a minute old; while the file is invalid, its previous content.

    Raises DocumentError if the file cannot be read when this object is created.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._reading = threading.Lock()
        self._published = read_published(path)
        self._read_at = clock()

    def __call__(self) -> PublishedDocument:
        # While one thread reads, the others return the previous content.
        if self._clock() - self._read_at >= MAX_AGE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._published = read_published(self._path)
            except DocumentError as err:
                log.warning("%s; serving its previous content", err)
            finally:
                self._read_at = self._clock()
                self._reading.release()
        return self._published
