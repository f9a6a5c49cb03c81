"""Vertex AI's custom containers: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from services.classifier.predict import Predictor
from services.classifier.prediction import Timings
from services.classifier.protocols.batch import Predicted, json_response, outcomes
from services.classifier.protocols.instances import instance_request, instances
from services.classifier.request_body import PredictRequest
from services.http.application import Response
from services.http.request import Request
from services.problems import Problem

# Of google.rpc.Code.
INVALID_ARGUMENT: Final = 3
PERMISSION_DENIED: Final = 7


async def predict(predictor: Predictor, request: Request) -> Response:
    """`POST AIP_PREDICT_ROUTE`: the prediction of an instance, or its error as google.rpc.Status.

    Raises a Problem, also if no instance could be predicted.
    """

    def parse() -> list[PredictRequest | Problem]:
        found, parameters = instances(request.body, predictor.model.receipt)
        images: list[PredictRequest | Problem] = []
        for instance in found:
            try:
                images.append(instance_request(instance, parameters))
            except Problem as problem:
                images.append(problem)
        return images

    total = Timings()
    try:
        with predictor.admitted(request):
            images = await predictor.parsed(parse, request)
            found = [outcome async for outcome in outcomes(predictor, images, request, total)]
        problems = [outcome for outcome in found if isinstance(outcome, Problem)]
        if len(problems) == len(found):
            raise problems[0]
    except Problem as problem:
        # Google's clients expect an object, and fail on text.
        problem.error = {"code": int(problem.status), "message": problem.detail}
        raise
    return json_response(predictor, {"predictions": list(map(_element, found))}, total)


def _element(outcome: Predicted | Problem) -> Any:
    if isinstance(outcome, Problem):
        code = PERMISSION_DENIED if outcome.status == HTTPStatus.FORBIDDEN else INVALID_ARGUMENT
        return {"error": {"code": code, "message": outcome.detail}}
    return outcome
