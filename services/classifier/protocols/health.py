"""Whether the service lives and is ready, as most protocols ask: 200 or an error."""

from __future__ import annotations

from services.classifier.predict import Predictor
from services.classifier.protocols.batch import json_response
from services.classifier.served_model import require_healthy
from services.http.application import Response
from services.http.request import Request


async def live(predictor: Predictor, request: Request) -> Response:
    """The service responds."""
    return json_response(predictor, {"live": True})


async def ready(predictor: Predictor, request: Request) -> Response:
    """The model is loaded and works; raises NotReady."""
    require_healthy(predictor.model)
    return json_response(predictor, {"name": predictor.model.receipt.model, "ready": True, "status": "Healthy"})
