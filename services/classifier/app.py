"""The routes of one model's service."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.classifier.predict import PredictRoute
from services.classifier.problems import NotReady
from services.classifier.served_model import ServedModel
from services.classifier.settings import Settings
from services.http.application import Application
from services.http.flask_app import new_flask_app
from services.http.limits import Limits

FORMATS = [f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "bmp", "heic", "heif", "avif", "tiff")]
THREADS = 8


def create_app(settings: Settings, model: ServedModel, limits: Limits) -> Application:
    """The ASGI application of `model`: Flask, and a fast route for predictions in front of it."""
    app = new_flask_app(__name__)
    # So that Flask responds to OPTIONS, and to other methods with 405 and Allow. POST is the fast route.
    app.add_url_rule("/predict", "predict", methods=["POST"])

    @app.get("/model")
    def card() -> dict[str, Any]:
        return model_card(settings, model)

    @app.get("/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        if not model.healthy:
            raise NotReady("The model returns invalid scores.")
        return {"status": "ready", "model": model.receipt.model, "version": model.receipt.version}

    return Application(
        app,
        limits=limits,
        origins=settings.origins,
        threads=THREADS,
        fast={("POST", "/predict"): PredictRoute(settings, model)},
        only_host=settings.only_host,
    )


def model_card(settings: Settings, model: ServedModel) -> dict[str, Any]:
    """The body of `GET /model`: a description of the model, and its export receipt."""
    receipt = model.receipt
    height, width = receipt.preprocess.height, receipt.preprocess.width
    return {
        "name": receipt.model,
        "title": receipt.title,
        "architecture": receipt.architecture,
        "input": {"width": width, "height": height, "formats": FORMATS, "max_bytes": settings.max_body},
        "labels": receipt.labels,
        "scores": receipt.scores,
        "precision": receipt.precision,
        "version": receipt.version,
        **receipt.about,
        **({"sure_from": sure} if (sure := receipt.evaluation.get("sure_from")) is not None else {}),
        "receipt": asdict(receipt),
    }
