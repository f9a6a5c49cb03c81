"""The HTTP face of one model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Flask

from services.classifier.classifier import Classifier
from services.classifier.predict import Predict
from services.classifier.problems import NotReady
from services.classifier.settings import Settings
from services.web.direct import Direct
from services.web.envelope import wrap_answers
from services.web.errors import handle_problems
from services.web.loop import Loop
from services.web.metrics import metrics_page

FORMATS = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]


def create_app(settings: Settings, classifier: Classifier, loop: Loop) -> Direct:
    """The WSGI application that answers for `classifier`: predictions directly, and everything else by Flask."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    handle_problems(app)
    wrap_answers(app, settings.origins)
    # Flask knows of it for those who ask by another method, or which methods there are.
    app.add_url_rule("/predict", "predict", methods=["POST"])

    @app.get("/model")
    def model() -> dict[str, Any]:
        return model_card(settings, classifier)

    @app.get("/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        if not classifier.healthy:
            raise NotReady("The model gives no valid scores.")
        return {"status": "ready", "model": classifier.receipt.model, "version": classifier.receipt.version}

    app.add_url_rule("/metrics", "metrics", metrics_page)
    return Direct(app, "POST", "/predict", Predict(settings, classifier, loop), settings.origins)


def model_card(settings: Settings, classifier: Classifier) -> dict[str, Any]:
    """What there is to know about the model, its export receipt included."""
    receipt = classifier.receipt
    side = receipt.preprocess.crop
    return {
        "name": receipt.model,
        "title": receipt.title,
        "architecture": receipt.architecture,
        "input": {"width": side, "height": side, "formats": FORMATS, "max_bytes": settings.max_body},
        "labels": receipt.labels,
        "precision": receipt.precision,
        "version": receipt.version,
        "receipt": asdict(receipt),
    }
