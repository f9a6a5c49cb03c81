"""Prometheus metrics that every service has, and the page that shows them."""

from __future__ import annotations

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

REQUESTS = Counter("guichet_requests_total", "Answered requests.", ["route", "status"])


def metrics_page() -> Response:
    """All metrics of this process in Prometheus' text format."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
