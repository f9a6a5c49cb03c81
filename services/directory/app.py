"""The routes of the directory: the list of models, and the API's document."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Response, request

from services.directory.docs import docs_page
from services.directory.settings import Settings
from services.http.application import Application
from services.http.flask_app import new_flask_app
from services.http.limits import Limits
from services.published_document import PublishedDocument

THREADS = 8


def create_app(settings: Settings, published: Callable[[], PublishedDocument], limits: Limits) -> Application:
    """The ASGI application; `published` returns the current document and list of models."""
    app = new_flask_app(__name__)
    page = cache(docs_page)

    @app.get("/v1/models")
    def listing() -> dict[str, Any]:
        return {"models": published().models}

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return Response(published().document, content_type="application/json")

    @app.get("/docs")
    def docs() -> Response:
        # All browsers accept gzip; decompress for other clients.
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

    return Application(app, limits=limits, origins=settings.origins, threads=THREADS, only_host=settings.only_host)
