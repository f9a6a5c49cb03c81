"""The design that Guichet replaces: one service, whose model is a global variable that any visitor may change."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from flask import Flask, Response, request

from services.artifact import read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.parameters import Parameters
from services.classifier.pipeline import Network, Pipeline


def create_app(artifacts: Path, first: str) -> Flask:
    """`POST /model/NAME` changes the model for everybody; `POST /predict` uses the current one."""
    app = Flask(__name__)

    def loaded(name: str) -> Pipeline:
        receipt = read_receipt(artifacts / name)
        return Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(artifacts / name, receipt))

    current = loaded(first)

    @app.post("/model/<name>")
    def change(name: str) -> dict[str, str]:
        nonlocal current
        current = loaded(name)
        return {"model": name}

    @app.post("/predict")
    def predict() -> Response:
        answer = current.predict(request.get_data(), Parameters(top_k=5))
        return Response(answer.body, content_type="application/json")

    return app
