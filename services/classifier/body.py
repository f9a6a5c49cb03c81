"""The body of a request, read within bounds of size and time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any

from services.classifier.problems import BodyMalformed, BodyTimeout, BodyTooLarge

PIECE = 1 << 18


def read_body(environ: Mapping[str, Any], most: int, seconds: float) -> bytes:
    """The whole body, `most` bytes at most, within `seconds` from now.

    Raises BodyTooLarge (before reading, where the length is announced), BodyTimeout or BodyMalformed. The connection
    takes no further request after that: what is left of the body would be read as one.
    """
    length = int(environ.get("CONTENT_LENGTH") or -1)
    connection: socket.socket | None = environ.get("gunicorn.socket")
    try:
        if length > most:
            raise _too_large(most)
        body = _read(environ["wsgi.input"], connection, most + 1, time.monotonic() + seconds)
        if len(body) > most:
            raise _too_large(most)
        if len(body) < length:
            raise BodyMalformed("The body ended before its Content-Length.")
    except (BodyTooLarge, BodyTimeout, BodyMalformed):
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        raise
    finally:
        if connection is not None:
            connection.settimeout(None)
    return body


def _read(stream: Any, connection: socket.socket | None, most: int, until: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while size < most:
        left = until - time.monotonic()
        if left <= 0:
            raise BodyTimeout("The body did not arrive in time.")
        if connection is not None:
            connection.settimeout(left)
        try:
            piece = stream.read(min(PIECE, most - size))
        except TimeoutError as err:
            raise BodyTimeout("The body did not arrive in time.") from err
        except (OSError, ValueError) as err:
            # gunicorn's errors for chunked bodies are OSErrors.
            raise BodyMalformed("The body breaks the rules of chunked transfer, or ended too early.") from err
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {most:,} bytes.")
