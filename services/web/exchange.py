"""One request through the application: WSGI's environment in, the bytes of an answer out."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from gunicorn.http.wsgi import Response
from gunicorn.util import http_date

from services.web.receiver import Arrival

# What the application may ask of its environment, beyond WSGI: why the request cannot be served; when it was whole, by
# the monotonic clock; and whether its caller has gone.
FAULT: Final = "guichet.fault"
ARRIVED: Final = "guichet.arrived"
GONE: Final = "guichet.gone"

SERVER: Final = "guichet"

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True)
class Reply:
    """An answer that is whole. Its headers are all our own, or were looked at before they came here."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: dict[str, str]


class Unreadable:
    """What stands for a request whose head cannot be read."""

    method, path, query, version = "-", "/", "", (1, 1)
    headers: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def should_close() -> bool:
        return True


def environment(
    arrival: Arrival, peer: Any, server: tuple[str, int], arrived: float, gone: Callable[[], bool]
) -> Environ:
    """WSGI's environment of a request, with our own three entries."""
    request: Any = arrival.request or Unreadable()
    environ: Environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(arrival.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": f"HTTP/{request.version[0]}.{request.version[1]}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": peer[0] if isinstance(peer, tuple) else "",
        FAULT: arrival.fault,
        ARRIVED: arrived,
        GONE: gone,
    }
    for name, value in request.headers:
        key = name.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        # gunicorn has refused what may not stand there twice.
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def answer(application: Application, cfg: Any, request: Any, environ: Environ, *, closing: bool) -> tuple[bytes, bool]:
    """The answer's bytes, and whether the connection stays open after it; `closing` says that it may not."""
    sent: Any = _Collected()
    asked: Any = request or Unreadable()
    response = Response(asked, sent, cfg)
    response.version = SERVER
    if closing:
        response.force_close()
    pieces: Any = application(environ, response.start_response)
    try:
        for piece in pieces:
            response.write(piece)
        response.close()
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return b"".join(sent), not response.should_close()


def encoded(reply: Reply, request: Any, *, closing: bool) -> tuple[bytes, bool]:
    """The same of an answer that is whole, without what WSGI asks for one that may come in pieces."""
    keep = not (closing or request.should_close())
    headers = {
        "Server": SERVER,
        "Date": http_date(),
        "Connection": "keep-alive" if keep else "close",
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Cache-Control": "no-store",
    } | reply.headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    version, status = request.version, reply.status
    head = f"HTTP/{version[0]}.{version[1]} {status:d} {status.phrase}\r\n{lines}\r\n"
    return head.encode("latin-1") + reply.body, keep


class _Collected(list[bytes]):
    """The socket that gunicorn's Response writes to: all of it leaves at once, later."""

    def sendall(self, data: bytes) -> None:
        self.append(data)
