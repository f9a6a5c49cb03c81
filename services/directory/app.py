"""The directory: which models there are, and the API's document."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

from flask import Flask, Response, request

from services.catalog import Catalog, Model
from services.directory.docs import docs_page
from services.directory.settings import Settings
from services.web.envelope import wrap_answers
from services.web.errors import handle_problems
from services.web.metrics import metrics_page


def create_app(settings: Settings, models: list[dict[str, Any]], document: bytes) -> Flask:
    """The WSGI application for the listed `models`; `document` is the public OpenAPI document as JSON."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    handle_problems(app)
    wrap_answers(app, settings.origins)
    page = cache(docs_page)

    @app.get("/v1/models")
    def listing() -> dict[str, Any]:
        return {"models": models}

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return Response(document, content_type="application/json")

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


def listed_model(catalog: Catalog, model: Model) -> dict[str, Any]:
    """What the list says of a model; its card, at `model.route`, says the rest."""
    return {
        "name": model.name,
        "title": model.title,
        "input": input_size(model),
        "labels": catalog.label_count(model),
        "precision": model.precision,
        "deadline": model.deadline,
        "card": model.route,
        "ready": f"{model.route}/ready",
        "predict": f"{model.route}/predict",
    }


def input_size(model: Model) -> dict[str, int] | None:
    """The pixels the network takes; None where only torchvision's weights know, and so the model's card."""
    if isinstance(model.preprocess, str):
        return None
    return {"width": model.preprocess.crop, "height": model.preprocess.crop}
