"""The open inference protocol's requests and responses, without a service."""

from __future__ import annotations

import base64
import json
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from services.classifier.parameters import Parameters
from services.classifier.protocols.open_inference import HEADER_LENGTH, infer_request, infer_response
from services.problems import Problem

RECEIPT: Any = SimpleNamespace(model="m", version="1", labels=3, scores="softmax")
BASE64 = base64.b64encode(b"image").decode()
TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [BASE64]}
FOUND = [[{"label": "tabby", "score": 0.75}, {"label": "ouzel", "score": 0.25}]]


def parsed(document: dict[str, Any], binary: bytes = b"", headers: dict[bytes, bytes] | None = None) -> Any:
    text = json.dumps(document).encode()
    if headers is None:
        headers = {HEADER_LENGTH: str(len(text)).encode()} if binary else {}
    return infer_request(headers, text + binary, RECEIPT)


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def test_images_may_be_in_the_json_or_after_it() -> None:
    binary = element(b"first") + element(b"") + element(b"third")
    tensor = {**TENSOR, "shape": [3], "parameters": {"binary_data_size": len(binary)}}
    tensor.pop("data")
    assert [image.image for image in parsed({"inputs": [tensor]}, binary).images] == [b"first", b"", b"third"]
    nested = {**TENSOR, "shape": [2, 1], "data": [[BASE64], [BASE64]]}
    assert [image.image for image in parsed({"inputs": [nested]}).images] == [b"image", b"image"]


def test_a_body_without_json_is_one_image() -> None:
    """Triton's raw binary request."""
    wanted = infer_request({HEADER_LENGTH: b"0"}, b"image", RECEIPT)
    assert [image.image for image in wanted.images] == [b"image"]
    assert wanted.outputs == {"labels": False, "scores": False}


def test_base64_has_the_forms_of_the_other_protocols() -> None:
    (image,) = parsed({"inputs": [{**TENSOR, "data": [f"data:image/png;base64,{BASE64.rstrip('=')}"]}]}).images
    assert image.image == b"image"


def test_parameters_of_other_servers_are_ignored() -> None:
    parameters = {"top_k": 2, "function_to_apply": "none", "priority": 1}
    (image,) = parsed({"inputs": [TENSOR], "parameters": parameters}).images
    assert image.parameters == Parameters(2, "none")


@pytest.mark.parametrize(
    ("document", "binary", "headers"),
    [
        pytest.param({}, b"", {}, id="no-inputs"),
        pytest.param({"inputs": [TENSOR, TENSOR]}, b"", {}, id="two-tensors"),
        pytest.param({"inputs": [{**TENSOR, "datatype": "UINT8"}]}, b"", {}, id="datatype"),
        pytest.param({"inputs": [{**TENSOR, "shape": [2]}]}, b"", {}, id="shape"),
        pytest.param({"inputs": [{**TENSOR, "shape": ["1"]}]}, b"", {}, id="shape-of-text"),
        pytest.param({"inputs": [{**TENSOR, "shape": [0], "data": []}]}, b"", {}, id="empty"),
        pytest.param({"inputs": [{**TENSOR, "shape": [129], "data": [BASE64] * 129}]}, b"", {}, id="too-many"),
        pytest.param({"inputs": [{**TENSOR, "data": [7]}]}, b"", {}, id="number"),
        pytest.param({"inputs": [{**TENSOR, "data": ["*"]}]}, b"", {}, id="not-base64"),
        pytest.param({"inputs": [TENSOR]}, b"", {HEADER_LENGTH: b"9999"}, id="length-beyond-the-body"),
        pytest.param({"inputs": [TENSOR]}, b"", {HEADER_LENGTH: b"-1"}, id="negative-length"),
        pytest.param({"inputs": [{**TENSOR, "parameters": {"binary_data_size": 3}}]}, b"", {}, id="no-binary-data"),
        pytest.param({"inputs": [{**TENSOR, "parameters": {"binary_data_size": 3}}]}, b"abc", None, id="cut-length"),
        pytest.param(
            {"inputs": [{**TENSOR, "parameters": {"binary_data_size": 5}}]}, b"\xff\0\0\0a", None, id="cut-element"
        ),
        pytest.param({"inputs": [TENSOR]}, b"", {HEADER_LENGTH: b"0" * 5000}, id="length-of-5000-digits"),
        pytest.param({"inputs": [{**TENSOR, "shape": [10**4000] * 2000}]}, b"", {}, id="long-numbers-as-shape"),
        pytest.param(
            {"inputs": [{**TENSOR, "parameters": {"binary_data_size": 8_000_000}}]},
            bytes(8_000_000),
            None,
            id="millions-of-elements",
        ),
        pytest.param({"inputs": [TENSOR], "outputs": [{"name": "logits"}]}, b"", {}, id="unknown-output"),
        pytest.param({"inputs": [TENSOR], "outputs": "labels"}, b"", {}, id="outputs-of-text"),
        pytest.param({"inputs": [TENSOR], "parameters": [1]}, b"", {}, id="parameters-of-a-list"),
        pytest.param({"inputs": [TENSOR], "parameters": {"top_k": 0}}, b"", {}, id="top-k"),
    ],
)
def test_an_invalid_request_is_refused(
    document: dict[str, Any], binary: bytes, headers: dict[bytes, bytes] | None
) -> None:
    with pytest.raises(Problem) as raised:
        parsed(document, binary, headers)
    assert raised.value.status == 400


def test_a_url_is_not_said_to_belong_elsewhere_in_the_tensor() -> None:
    """Unlike the other protocols, this one has no `url`."""
    with pytest.raises(Problem) as raised:
        parsed({"inputs": [{**TENSOR, "data": ["https://example.com/cat.jpg"]}]})
    assert "url" not in raised.value.detail


def test_the_error_for_an_image_as_numbers_contains_its_remedy() -> None:
    with pytest.raises(Problem) as raised:
        parsed({"inputs": [{**TENSOR, "datatype": "FP32", "shape": [150_528], "data": [0.1] * 150_528}]})
    assert "base64" in raised.value.detail


def test_outputs_are_labels_and_scores_of_each_image() -> None:
    body, length = infer_response(parsed({"id": "7", "inputs": [TENSOR]}), FOUND, RECEIPT)
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "1",
        "id": "7",
        "outputs": [
            {"name": "labels", "datatype": "BYTES", "shape": [1, 2], "data": ["tabby", "ouzel"]},
            {"name": "scores", "datatype": "FP32", "shape": [1, 2], "data": [0.75, 0.25]},
        ],
    }


def test_an_empty_list_of_outputs_means_all() -> None:
    assert parsed({"inputs": [TENSOR], "outputs": []}).outputs == {"labels": False, "scores": False}


def test_an_output_may_be_binary() -> None:
    outputs = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "labels"}]
    body, length = infer_response(parsed({"inputs": [TENSOR], "outputs": outputs}), FOUND, RECEIPT)
    assert length
    scores, labels = json.loads(body[:length])["outputs"]
    assert scores["parameters"] == {"binary_data_size": 8}
    assert labels["data"] == ["tabby", "ouzel"]
    assert struct.unpack("<2f", body[length:]) == (0.75, 0.25)


def test_all_outputs_may_be_binary() -> None:
    wanted = parsed({"inputs": [TENSOR], "parameters": {"binary_data_output": True}})
    body, length = infer_response(wanted, FOUND, RECEIPT)
    assert body[length:] == element(b"tabby") + element(b"ouzel") + struct.pack("<2f", 0.75, 0.25)
