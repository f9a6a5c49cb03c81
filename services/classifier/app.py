"""The routes of one model's service."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any, NoReturn

from werkzeug.exceptions import NotFound

from services.classifier.media_types import MEDIA_TYPES
from services.classifier.predict import Predictor, predict
from services.classifier.problems import PathNotFound
from services.classifier.protocols.routes import protocol_routes
from services.classifier.served_model import ServedModel, require_healthy
from services.classifier.settings import Settings
from services.http.application import Application, View
from services.http.flask_app import new_flask_app
from services.http.limits import Limits

THREADS = 8


def create_app(settings: Settings, model: ServedModel, limits: Limits) -> Application:
    """The ASGI application of `model`: Flask, with `/predict` and the routes of other protocols in front of it."""
    app = new_flask_app(__name__)

    @app.get("/model")
    def card() -> dict[str, Any]:
        return model_card(settings, model)

    @app.get("/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        require_healthy(model)
        return {"status": "ready", "model": model.receipt.model, "version": model.receipt.version}

    @app.errorhandler(NotFound)
    def no_such_path(error: NotFound) -> NoReturn:
        # Clients of other servers have the model's name in their paths.
        receipt = model.receipt
        raise PathNotFound(f"No such path. This service has the model `{receipt.model}`, version `{receipt.version}`.")

    predictor = Predictor(settings, model)
    fast: dict[tuple[str, str], View] = {
        ("POST", "/predict"): partial(predict, predictor),
        **protocol_routes(settings, predictor),
    }
    for method, path in fast:
        # So that Flask responds to OPTIONS, and to other methods with 405 and Allow. It adds HEAD to GET itself.
        if method != "HEAD":
            app.add_url_rule(path, f"{method} {path}", methods=[method])
    return Application(
        app,
        limits=limits,
        origins=settings.origins,
        threads=THREADS,
        fast=fast,
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
        "input": {"width": width, "height": height, "formats": MEDIA_TYPES, "max_bytes": settings.max_body},
        "labels": receipt.labels,
        "scores": receipt.scores,
        "precision": receipt.precision,
        "version": receipt.version,
        **receipt.about,
        **({"sure_from": sure} if (sure := receipt.evaluation.get("sure_from")) is not None else {}),
        "receipt": asdict(receipt),
    }
