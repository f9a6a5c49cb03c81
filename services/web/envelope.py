"""What surrounds every answer: its request id, headers for browsers, and one line in the log."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from services.web.exchange import FAULT
from services.web.logs import log_line
from services.web.metrics import REQUESTS

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACE: Final = re.compile(r"([0-9a-f]{32})")
EXPOSED: Final = "Server-Timing, X-Request-Id, X-Model, X-Model-Version, Retry-After"


@dataclass(frozen=True)
class Envelope:
    """What surrounds one answer to the request of `environ`, WSGI's; `started` is by the clock of `perf_counter`."""

    environ: Mapping[str, Any]
    origins: str
    request_id: str
    started: float

    @classmethod
    def opened(cls, environ: Mapping[str, Any], origins: str) -> Envelope:
        """A caller's own request id is taken where it is harmless."""
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        return cls(environ, origins, sent if REQUEST_ID.fullmatch(sent) else _new_id(), time.perf_counter())

    @property
    def headers(self) -> dict[str, str]:
        """Every answer has these."""
        headers = {
            "X-Request-Id": self.request_id,
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": self.origins,
            "Access-Control-Expose-Headers": EXPOSED,
        }
        return headers if self.origins == "*" else headers | {"Vary": "Origin"}

    def record(self, route: str, status: int, code: str = "", timing: str = "") -> None:
        """Count the answer, and log it."""
        REQUESTS.labels(route, str(status)).inc()
        # Probes come every few seconds and say nothing.
        if route in ("/live", "/metrics") and status < 400:
            return
        environ = self.environ
        trace = TRACE.search(environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", "") or environ.get("HTTP_TRACEPARENT", ""))
        log_line(
            f"{environ['REQUEST_METHOD']} {route} {status}",
            "request",
            request_id=self.request_id,
            status=status,
            milliseconds=round((time.perf_counter() - self.started) * 1000, 2),
            **({"code": code} if code else {}),
            **({"timing": timing} if timing else {}),
            **({"logging.googleapis.com/trace": trace[1]} if trace else {}),
        )


def wrap_answers(app: Flask, origins: str) -> None:
    """Give each answer of `app` its envelope; `origins` is what browsers may call from, `*` or one origin."""

    @app.before_request
    def _open() -> Response | None:
        g.envelope = Envelope.opened(request.environ, origins)
        # What the server could not read leaves in the same envelope as everything else.
        if fault := request.environ.get(FAULT):
            raise fault
        # Werkzeug would drop the second slash, and no proxy in front would know the path again.
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound
        if request.method == "OPTIONS" and request.url_rule is not None:
            return _preflight()
        return None

    @app.after_request
    def _close(response: Response) -> Response:
        headers, envelope = response.headers, g.envelope
        headers.extend(envelope.headers)
        headers.setdefault("Cache-Control", "no-store")
        route = request.url_rule.rule if request.url_rule else "unknown"
        envelope.record(route, response.status_code, g.get("problem", ""), headers.get("Server-Timing", ""))
        return response


def _new_id() -> str:
    # A name, not a secret; and the system's own source of chance would hand the interpreter to another thread.
    return f"{random.getrandbits(128):032x}"


def _preflight() -> Response:
    """What a browser asks before it calls; its methods are the route's own."""
    methods = sorted(request.url_rule.methods or []) if request.url_rule else []
    response = Response(status=204)
    del response.headers["Content-Type"]
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = "content-type, x-api-key, x-request-id"
    response.headers["Access-Control-Max-Age"] = "3600"
    return response
