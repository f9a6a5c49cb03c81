"""Streamlit's scripts and styles, compressed: 3 MB over a phone's connection become less than 1."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/static/"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
# Their names carry a digest of what is in them: another version has another name.
FOR_EVER = "public, max-age=31536000, immutable"


class Compressed:
    """Answers for the files under /static/ that compress well, where the browser takes gzip; passes on all the rest."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._files = {
            PREFIX + path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.suffix in MEDIA_TYPES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = self._files.get(scope.get("path", "")) if scope["type"] == "http" else None
        if path is None or scope["method"] != "GET" or not takes_gzip(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Cache-Control": FOR_EVER}
        body = await run_in_threadpool(compressed, path)
        await Response(body, headers=headers, media_type=MEDIA_TYPES[path.suffix])(scope, receive, send)


def takes_gzip(headers: Headers) -> bool:
    """Whether the caller's Accept-Encoding names gzip, and not to refuse it."""
    for entry in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0"}
    return False


@lru_cache(maxsize=512)
def compressed(path: Path) -> bytes:
    """The file, compressed once."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)
