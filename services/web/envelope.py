"""What surrounds every answer: its request id, headers for browsers, and one line in the log."""

from __future__ import annotations

import random
import re
import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from services.web.exchange import FAULT
from services.web.logs import log_line
from services.web.metrics import REQUESTS

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACE = re.compile(r"([0-9a-f]{32})")
EXPOSED = "Server-Timing, X-Request-Id, X-Model, X-Model-Version, Retry-After"


def wrap_answers(app: Flask, origins: str) -> None:
    """Give each answer of `app` its envelope; `origins` is what browsers may call from, `*` or one origin."""

    @app.before_request
    def _open() -> Response | None:
        g.started = time.perf_counter()
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if REQUEST_ID.fullmatch(sent) else _request_id()
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
        headers = response.headers
        headers["X-Request-Id"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Cache-Control", "no-store")
        headers["Access-Control-Allow-Origin"] = origins
        headers["Access-Control-Expose-Headers"] = EXPOSED
        if origins != "*":
            headers.add("Vary", "Origin")
        _record(response)
        return response


def _request_id() -> str:
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


def _record(response: Response) -> None:
    route = request.url_rule.rule if request.url_rule else "unknown"
    seconds = time.perf_counter() - g.started
    REQUESTS.labels(route, str(response.status_code)).inc()
    # Probes come every few seconds and say nothing.
    if route in ("/live", "/metrics") and response.status_code < 400:
        return
    trace = TRACE.search(request.headers.get("X-Cloud-Trace-Context", "") or request.headers.get("Traceparent", ""))
    log_line(
        f"{request.method} {route} {response.status_code}",
        "request",
        request_id=g.request_id,
        status=response.status_code,
        milliseconds=round(seconds * 1000, 2),
        **({"code": g.problem} if "problem" in g else {}),
        **({"timing": timing} if (timing := response.headers.get("Server-Timing")) else {}),
        **({"logging.googleapis.com/trace": trace[1]} if trace else {}),
    )
