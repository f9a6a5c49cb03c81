"""What the directory shows, out of one file: the API's public document and, in it, the list of the models."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# Under this name the document carries what `GET /v1/models` answers; `/v1/openapi.json` is shown without it.
LISTING = "x-guichet-models"
PACKED = ".gz.b64"
# A mounted secret is fetched, and paid for, with every reading; it has a new version when the models change.
FRESH_SECONDS = 60.0


class DocumentError(Exception):
    """The file cannot be shown; the message is one line that names it."""


@dataclass(frozen=True)
class Shown:
    """The list of the models, and the document as JSON."""

    models: list[dict[str, Any]]
    document: bytes


def read_shown(path: Path) -> Shown:
    """What is in the file: JSON, or its gzip in base64 where its name ends so (a secret holds 64 KiB of text)."""
    try:
        data = path.read_bytes()
        if path.name.endswith(PACKED):
            data = gzip.decompress(base64.b64decode(data, validate=True))
        document = json.loads(data)
        models = document.pop(LISTING)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as err:
        raise DocumentError(f"{path} is not JSON, nor packed JSON where its name ends with {PACKED}") from err
    except (AttributeError, KeyError, TypeError) as err:
        raise DocumentError(f"{path} has no {LISTING}: it should be the document that a deployment writes") from err
    except OSError as err:
        raise DocumentError(f"{path} cannot be read: {err.strerror}") from err
    return Shown(models, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


class Window:
    """The newest content of the file, a minute old at most; where it became unreadable, what was there before.

    Raises DocumentError where it cannot be read at the start.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._reading = threading.Lock()
        self._shown = read_shown(path)
        self._read_at = clock()

    def __call__(self) -> Shown:
        # Whoever comes while another reads is not made to wait.
        if self._clock() - self._read_at >= FRESH_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._shown = read_shown(self._path)
            except DocumentError as err:
                log.warning("%s; the former content is shown", err)
            finally:
                self._read_at = self._clock()
                self._reading.release()
        return self._shown
