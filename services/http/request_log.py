"""What all responses have: a request id, headers for browsers, a log line, and a count in the metrics."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import Counter

from services.http.request import Scope

log = logging.getLogger("services.request")

REQUESTS: Final = Counter("guichet_requests_total", "Requests that got a response.", ["route", "status"])

REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TRACE: Final = re.compile(rb"[0-9a-f]{32}")
# Requests by probes, every few seconds; logged only if they fail.
UNLOGGED: Final = ("/live", "/metrics")
EXPOSED: Final = b"Server-Timing, X-Request-Id, X-Model, X-Model-Version, Retry-After"

Header = tuple[bytes, bytes]


def common_headers(origins: str) -> list[Header]:
    """The headers of every response; browsers may call from `origins`, which is `*` or one origin."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"access-control-allow-origin", origins.encode()),
        (b"access-control-expose-headers", EXPOSED),
    ]
    return headers if origins == "*" else [*headers, (b"vary", b"Origin")]


def preflight_headers(methods: Iterable[str]) -> list[Header]:
    """The headers of the response to a browser's CORS preflight request, for a route with these methods."""
    return [
        (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
        (b"access-control-allow-headers", b"content-type, inference-header-content-length, x-api-key, x-request-id"),
        (b"access-control-max-age", b"3600"),
    ]


@dataclass
class RequestRecord:
    """One request, for the log."""

    method: str
    request_id: str
    trace: str
    started: float
    # As declared in the code, so that no path from a request is logged.
    route: str = "unknown"
    status: int = 0
    code: str = ""
    timing: str = ""

    @classmethod
    def begin(cls, scope: Scope) -> RequestRecord:
        """Start the record; the request's own X-Request-Id is kept if it is safe to log."""
        request_id = trace = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                request_id = value
            elif name in (b"x-cloud-trace-context", b"traceparent"):
                trace = trace or value
        found = TRACE.search(trace)
        return cls(
            scope["method"],
            # Not a secret, so `random` is fine; `os.urandom` would release the GIL.
            request_id.decode() if REQUEST_ID.fullmatch(request_id) else f"{random.getrandbits(128):032x}",
            found[0].decode() if found else "",
            time.perf_counter(),
        )

    def end(self) -> None:
        """Count the response and log it."""
        REQUESTS.labels(self.route, str(self.status)).inc()
        if self.route in UNLOGGED and self.status < 400:
            return
        fields: dict[str, Any] = {
            "request_id": self.request_id,
            "status": self.status,
            "milliseconds": round((time.perf_counter() - self.started) * 1000, 2),
        }
        details = {"code": self.code, "timing": self.timing, "logging.googleapis.com/trace": self.trace}
        fields |= {name: value for name, value in details.items() if value}
        log.info("%s %s %s", self.method, self.route, self.status, extra=fields)
