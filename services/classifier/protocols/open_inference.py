"""The open inference protocol (V2) over REST, with its extension for binary tensor data.

https://github.com/kserve/open-inference-protocol. The input is a tensor of encoded images, in JSON as base64; the
outputs are `labels` and `scores`, best first, both of the shape [images, top_k].
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, TypeVar

from services.artifact import Receipt
from services.classifier.parameters import Parameters
from services.classifier.predict import Predictor
from services.classifier.prediction import Timings
from services.classifier.problems import JsonInvalid
from services.classifier.protocols.batch import MAX_IMAGES, Predicted, json_response, predictions
from services.classifier.protocols.instances import default_parameters
from services.classifier.request_body import PARAMETERS, PredictRequest, base64_request, json_object, json_parameters
from services.http.application import Response
from services.http.request import Request

# The length of the JSON at the start of a body, if binary data follows it.
HEADER_LENGTH: Final = b"inference-header-content-length"
INPUT: Final = {"name": "image", "datatype": "BYTES", "shape": [-1]}
OUTPUTS: Final = {"labels": "BYTES", "scores": "FP32"}
INVALID_SHAPE: Final = "`shape` should be the number of images in the tensor, for example [1]."

Image = TypeVar("Image", str, bytes)


@dataclass(frozen=True)
class InferRequest:
    """The images to predict; `outputs` are the wanted outputs, and whether each is sent as binary data."""

    images: list[PredictRequest]
    id: str | None
    outputs: Mapping[str, bool]


async def server_metadata(predictor: Predictor, request: Request) -> Response:
    """`GET /v2`."""
    version = predictor.model.receipt.version
    return json_response(predictor, {"name": "guichet", "version": version, "extensions": ["binary_tensor_data"]})


async def model_metadata(predictor: Predictor, request: Request) -> Response:
    """`GET /v2/models/NAME`."""
    receipt = predictor.model.receipt
    document = {
        "name": receipt.model,
        "versions": [receipt.version],
        "platform": "openvino",
        "inputs": [INPUT],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1, -1]} for name, kind in OUTPUTS.items()],
    }
    return json_response(predictor, document)


async def infer(predictor: Predictor, request: Request) -> Response:
    """`POST /v2/models/NAME/infer`; raises a Problem."""
    receipt, total = predictor.model.receipt, Timings()
    with predictor.admitted(request):
        wanted = await predictor.parsed(lambda: infer_request(request.headers, request.body, receipt), request)
        found = await predictions(predictor, wanted.images, request, total)
    body, length = infer_response(wanted, found, receipt)
    if length is None:
        return Response(HTTPStatus.OK, b"application/json", body, predictor.headers, total.server_timing)
    headers = [*predictor.headers, (HEADER_LENGTH, str(length).encode())]
    return Response(HTTPStatus.OK, b"application/octet-stream", body, headers, total.server_timing)


def infer_request(headers: Mapping[bytes, bytes], body: bytes, receipt: Receipt) -> InferRequest:
    """Parse the body of a request; raises a Problem."""
    length = headers.get(HEADER_LENGTH, str(len(body)).encode())
    # Python refuses to read thousands of digits.
    if not re.fullmatch(rb"[0-9]{1,20}", length) or int(length) > len(body):
        raise JsonInvalid(
            "`Inference-Header-Content-Length` should be the length of the JSON at the start of the body."
        )
    if body and not int(length):
        # Triton's raw binary request: the body is the only element of the tensor.
        image = PredictRequest(default_parameters(receipt), body)
        return InferRequest([image], None, _outputs(None, binary=False))
    document, binary = json_object(body[: int(length)]), body[int(length) :]
    given = document.get("parameters") or {}
    if not isinstance(given, dict):
        raise JsonInvalid("`parameters` should be an object.")
    # As the protocol asks, parameters for other servers are ignored.
    ours = {name: given[name] for name in PARAMETERS & given.keys()}
    parameters = json_parameters(ours, default_parameters(receipt), receipt.labels)
    identity = document.get("id")
    return InferRequest(
        _images(document.get("inputs"), binary, parameters),
        identity if isinstance(identity, str) else None,
        _outputs(document.get("outputs"), bool(given.get("binary_data_output"))),
    )


def infer_response(request: InferRequest, found: Sequence[Predicted], receipt: Receipt) -> tuple[bytes, int | None]:
    """The body, and the length of the JSON at its start if binary data follows."""
    shape = [len(found), len(found[0])]
    outputs, binary = [], b""
    for name, as_binary in request.outputs.items():
        values = [best[name[:-1]] for prediction in found for best in prediction]
        output: dict[str, Any] = {"name": name, "datatype": OUTPUTS[name], "shape": shape}
        if as_binary:
            data = b"".join(map(_packed, values))
            output["parameters"] = {"binary_data_size": len(data)}
            binary += data
        else:
            output["data"] = values
        outputs.append(output)
    document = {"model_name": receipt.model, "model_version": receipt.version, "outputs": outputs}
    if request.id is not None:
        document["id"] = request.id
    text = json.dumps(document).encode()
    return text + binary, len(text) if binary else None


def _images(inputs: Any, binary: bytes, parameters: Parameters) -> list[PredictRequest]:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise JsonInvalid("`inputs` should be a list of one tensor.")
    tensor = inputs[0]
    if tensor.get("datatype") != "BYTES":
        raise JsonInvalid("The input should have the datatype BYTES: each element is an encoded image, such as a JPEG.")
    given = tensor.get("parameters")
    if isinstance(given, dict) and "binary_data_size" in given:
        if given["binary_data_size"] != len(binary):
            raise JsonInvalid("`binary_data_size` should be the number of bytes after the JSON.")
        images = [PredictRequest(parameters, image) for image in _few(_unpacked(binary))]
    else:
        texts = _few(_flat(tensor.get("data")))
        images = [base64_request(text, parameters, "data", urls=False) for text in texts]
    shape = tensor.get("shape")
    # The product of thousands of long numbers would take minutes.
    if not isinstance(shape, list) or not all(type(size) is int and 1 <= size <= MAX_IMAGES for size in shape):
        raise JsonInvalid(INVALID_SHAPE)
    if math.prod(shape) != len(images):
        raise JsonInvalid(INVALID_SHAPE)
    return images


def _few(images: Iterator[Image]) -> list[Image]:
    """The images, without reading more than MAX_IMAGES."""
    found = list(islice(images, MAX_IMAGES + 1))
    if not 1 <= len(found) <= MAX_IMAGES:
        raise JsonInvalid(f"A request should have 1 to {MAX_IMAGES} images.")
    return found


def _flat(data: Any) -> Iterator[str]:
    if not isinstance(data, list):
        raise JsonInvalid("The input needs `data`: a list of images as base64 text.")
    for value in data:
        if isinstance(value, list):
            yield from _flat(value)
        elif isinstance(value, str):
            yield value
        else:
            raise JsonInvalid("Each element of `data` should be an image as base64 text.")


def _unpacked(binary: bytes) -> Iterator[bytes]:
    """The elements, each of which follows its length: four bytes, little-endian."""
    position = 0
    while position < len(binary):
        start = position + 4
        position = start + int.from_bytes(binary[position:start], "little")
        if position > len(binary) or start > len(binary):
            raise JsonInvalid("In binary data, each element should follow its length: four bytes, little-endian.")
        yield binary[start:position]


def _packed(value: str | float) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", len(value.encode())) + value.encode()
    return struct.pack("<f", value)


def _outputs(wanted: Any, binary: bool) -> dict[str, bool]:
    if not wanted:
        return dict.fromkeys(OUTPUTS, binary)
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise JsonInvalid("`outputs` should be a list of objects with a `name`.")
    outputs = {}
    for output in wanted:
        if output.get("name") not in OUTPUTS:
            raise JsonInvalid("The outputs are `labels` and `scores`.")
        given = output.get("parameters") or {}
        if not isinstance(given, dict) or "classification" in given:
            raise JsonInvalid("An output has the parameter `binary_data` only; send `top_k` with the request.")
        outputs[output["name"]] = bool(given.get("binary_data", binary))
    return outputs
