"""The Prometheus metrics of every service, and their page."""

from __future__ import annotations

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

REQUESTS = Counter("guichet_requests_total", "Requests that got a response.", ["route", "status"])


def metrics_page() -> Response:
    """All metrics of this process in Prometheus's text format."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
