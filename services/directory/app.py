"""The directory: which models there are, and the API's document."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Flask, Response, request

from services.directory.docs import docs_page
from services.directory.settings import Settings
from services.published_document import PublishedDocument
from services.web.envelope import wrap_answers
from services.web.errors import handle_problems
from services.web.metrics import metrics_page


def create_app(settings: Settings, shown: Callable[[], PublishedDocument]) -> Flask:
    """The WSGI application; `shown` says what there is to show now."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    handle_problems(app)
    wrap_answers(app, settings.origins)
    page = cache(docs_page)

    @app.get("/v1/models")
    def listing() -> dict[str, Any]:
        return {"models": shown().models}

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return Response(shown().document, content_type="application/json")

    @app.get("/docs")
    def docs() -> Response:
        # Browsers all take gzip; anyone else gets it unpacked.
        accepts_gzip = request.accept_encodings["gzip"] > 0
        response = Response(page().body if accepts_gzip else gzip.decompress(page().body), content_type="text/html")
        if accepts_gzip:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = "public, max-age=300"
        response.headers["Content-Security-Policy"] = page().policy
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @app.get("/live")
    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    app.add_url_rule("/metrics", "metrics", metrics_page)
    return app
