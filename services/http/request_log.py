"""What all responses have: a request id, headers for browsers, a log line, and a count in the metrics."""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass
from typing import Final

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
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        trace = TRACE.search(headers.get(b"x-cloud-trace-context") or headers.get(b"traceparent", b""))
        return cls(
            scope["method"],
            # Not a secret, so `random` is fine; `os.urandom` would release the GIL.
            request_id.decode() if REQUEST_ID.fullmatch(request_id) else f"{random.getrandbits(128):032x}",
            trace[0].decode() if trace else "",
            time.perf_counter(),
        )

    def end(self) -> None:
        """Count the response and log it."""
        REQUESTS.labels(self.route, str(self.status)).inc()
        if self.route in UNLOGGED and self.status < 400:
            return
        milliseconds = round((time.perf_counter() - self.started) * 1000, 2)
        fields = {"request_id": self.request_id, "status": self.status, "milliseconds": milliseconds}
        details = {"code": self.code, "timing": self.timing, "logging.googleapis.com/trace": self.trace}
        fields |= {name: value for name, value in details.items() if value}
        log.info("%s %s %s", self.method, self.route, self.status, extra=fields)
