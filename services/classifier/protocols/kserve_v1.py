"""KServe's V1 protocol, which is also TensorFlow Serving's.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from services.classifier.predict import Predictor
from services.classifier.prediction import Timings
from services.classifier.protocols.batch import json_response, predictions
from services.classifier.protocols.instances import instance_request, instances
from services.classifier.request_body import PredictRequest
from services.http.application import Response
from services.http.request import Request


async def models(predictor: Predictor, request: Request) -> Response:
    """`GET /v1/models`: the names of the models."""
    return json_response(predictor, {"models": [predictor.model.receipt.model]})


async def predict(predictor: Predictor, request: Request) -> Response:
    """`POST /v1/models/NAME:predict`; raises a Problem."""

    def parse() -> list[PredictRequest]:
        found, parameters = instances(request.body, predictor.model.receipt)
        return [instance_request(instance, parameters) for instance in found]

    total = Timings()
    with predictor.admitted(request):
        images = await predictor.parsed(parse, request)
        found = await predictions(predictor, images, request, total)
    return json_response(predictor, {"predictions": found}, total)
