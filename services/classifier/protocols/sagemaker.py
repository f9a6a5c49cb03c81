"""SageMaker's containers: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html."""

from __future__ import annotations

import dataclasses
from typing import Final
from urllib.parse import urlencode

from services.classifier.predict import Predictor, predict
from services.classifier.request_body import PARAMETERS
from services.http.application import Response
from services.http.request import Request

ATTRIBUTES: Final = b"x-amzn-sagemaker-custom-attributes"


async def invocations(predictor: Predictor, request: Request) -> Response:
    """`POST /invocations`: as `/predict`, whose query parameters may also come as custom attributes.

    The header has the form `top_k=3,function_to_apply=none`; other attributes are ignored. Raises a Problem.
    """
    pairs = request.headers.get(ATTRIBUTES, b"").decode("latin-1").split(",")
    attributes = [pair.strip().partition("=") for pair in pairs]
    query = urlencode([(name, value) for name, _, value in attributes if name in PARAMETERS])
    return await predict(predictor, dataclasses.replace(request, query=request.query or query.encode()))
