"""Images as a list of JSON instances, as KServe V1, TensorFlow Serving and Vertex AI send them."""

from __future__ import annotations

from typing import Any, Final

from services.artifact import Receipt
from services.classifier.parameters import Parameters
from services.classifier.problems import JsonInvalid
from services.classifier.protocols.batch import MAX_IMAGES
from services.classifier.request_body import (
    DEFAULT_TOP_K,
    PredictRequest,
    base64_request,
    json_object,
    json_parameters,
    json_url,
)

# The fields that clients put an image in.
FIELDS: Final = ("image", "image_bytes", "input", "data", "content")


def default_parameters(receipt: Receipt) -> Parameters:
    """The parameters of a request that has none."""
    return Parameters(min(DEFAULT_TOP_K, receipt.labels), receipt.scores)


def instances(body: bytes, receipt: Receipt) -> tuple[list[Any], Parameters]:
    """The instances and the parameters of `{"instances": […], "parameters": {…}}`; raises a Problem."""
    document = json_object(body)
    found = document.get("instances")
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_IMAGES:
        raise JsonInvalid(f"`instances` should be a list of 1 to {MAX_IMAGES} images.")
    parameters = document.get("parameters")
    # Google's clients send every number as a float.
    if isinstance(parameters, dict) and isinstance(top_k := parameters.get("top_k"), float) and top_k.is_integer():
        parameters = parameters | {"top_k": int(top_k)}
    return found, json_parameters(parameters, default_parameters(receipt), receipt.labels)


def instance_request(instance: Any, parameters: Parameters) -> PredictRequest:
    """The image of an instance; raises a Problem.

    An instance is base64 text, `{"b64": …}`, `{"url": …}`, or an object with one of these in one of FIELDS.
    """
    if isinstance(instance, dict) and len(instance) == 1 and (field := next(iter(instance))) in FIELDS:
        instance = instance[field]
    if isinstance(instance, dict) and len(instance) == 1 and "url" in instance:
        return PredictRequest(parameters, url=json_url(instance["url"]))
    text = instance.get("b64") if isinstance(instance, dict) and len(instance) == 1 else instance
    if not isinstance(text, str):
        raise JsonInvalid('An instance should be {"b64": "<base64>"}, {"url": "https://…"} or base64 text.')
    return base64_request(text, parameters, "instances")
