"""TorchServe's inference API: https://pytorch.org/serve/inference_api.html."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qsl

from services.classifier.form import FORM, image_part
from services.classifier.predict import Predictor
from services.classifier.protocols.batch import json_response
from services.classifier.request_body import (
    PredictRequest,
    parsed_media_type,
    predict_request,
    query_parameters,
)
from services.http.application import Response
from services.http.request import Request

PARTS: Final = ("data", "body", "image")


async def predict(predictor: Predictor, request: Request) -> Response:
    """`POST` or `PUT /predictions/NAME`: the image as the body or a form's part; the response maps labels to scores.

    Of labels with the same name, the best counts. Raises a Problem.
    """
    receipt = predictor.model.receipt
    content_type = request.headers.get(b"content-type", b"").decode("latin-1")
    query = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)

    def parse() -> PredictRequest:
        media_type, options = parsed_media_type(content_type)
        if media_type != FORM:
            return predict_request(content_type, request.body, query, receipt.labels, receipt.scores)
        parameters = query_parameters(query, receipt.labels, receipt.scores)
        return PredictRequest(parameters, image=image_part(request.body, options.get("boundary", ""), PARTS))

    with predictor.admitted(request):
        prediction, timings = await predictor.predict(await predictor.parsed(parse, request), request)
    scores: dict[str, float] = {}
    for best in json.loads(prediction.body):
        scores.setdefault(best["label"], best["score"])
    return json_response(predictor, scores, timings)
