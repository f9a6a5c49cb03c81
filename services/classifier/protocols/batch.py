"""Predict the images of one request one after the other, and respond with JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from services.classifier.predict import Predictor
from services.classifier.prediction import Timings
from services.classifier.problems import QueueTimeout
from services.classifier.request_body import PredictRequest
from services.http.application import Response
from services.http.request import Request
from services.problems import CallerGone, Problem

MAX_IMAGES: Final = 128
# The prediction of one image: labels with scores, best first.
Predicted = list[dict[str, Any]]


async def outcomes(
    predictor: Predictor, images: Sequence[PredictRequest | Problem], request: Request, total: Timings
) -> AsyncIterator[Predicted | Problem]:
    """The prediction of each image, or the Problem with that image; adds the duration of the steps to `total`.

    Raises every other Problem: the service is overloaded, the deadline has passed, or the model failed.
    """
    for number, image in enumerate(images):
        if number and request.gone():
            raise CallerGone("The caller has disconnected.")
        if asyncio.get_running_loop().time() > predictor.deadline(request):
            raise QueueTimeout(f"Only {number} of {len(images)} images were predicted before the deadline.")
        if isinstance(image, Problem):
            yield image
            continue
        try:
            prediction, timings = await predictor.predict(image, request)
        except Problem as problem:
            if problem.status >= 500 or problem.closes or problem.retry_after is not None:
                raise
            yield problem
        else:
            total.add(timings)
            yield json.loads(prediction.body)


async def predictions(
    predictor: Predictor, images: Sequence[PredictRequest], request: Request, total: Timings
) -> list[Predicted]:
    """The predictions of all images; raises the Problem of the first image that has one."""
    found: list[Predicted] = []
    async for outcome in outcomes(predictor, images, request, total):
        if isinstance(outcome, Problem):
            raise type(outcome)(f"Image {len(found)}: {outcome.detail}") if len(images) > 1 else outcome
        found.append(outcome)
    return found


def json_response(predictor: Predictor, document: Any, timings: Timings | None = None) -> Response:
    """A successful response, with the headers that name the model."""
    body = json.dumps(document).encode()
    timing = timings.server_timing if timings else ""
    return Response(HTTPStatus.OK, b"application/json", body, predictor.headers, timing=timing)
