"""Calls by the real clients, unmodified: run by an interpreter of its own, because some need other versions.

`python client_calls.py CLIENT` reads one call per line on standard input, as JSON: `url`, `model`, `images` in base64,
`headers`. It prints one line for each: `labels`, best first for each image, or the `status` and `error` that the client
reports.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Labels = list[list[str]]
Call = Callable[[str, str, list[bytes], dict[str, str]], Labels]
TOP_K = 2


class CallError(Exception):
    """The client reports an error: its HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def tritonclient_http() -> Call:
    import numpy as np
    from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
    from tritonclient.utils import InferenceServerException

    def call(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Labels:
        client = InferenceServerClient(url.removeprefix("http://"))
        tensor = InferInput("image", [len(images)], "BYTES")
        tensor.set_data_from_numpy(np.array(images, dtype=np.object_), binary_data=True)
        outputs = [InferRequestedOutput("labels", binary_data=True), InferRequestedOutput("scores", binary_data=False)]
        try:
            result = client.infer(model, [tensor], outputs=outputs, parameters={"top_k": TOP_K}, headers=headers)
        except InferenceServerException as err:
            raise CallError(int(err.status()), err.message()) from err
        finally:
            client.close()
        labels, scores = result.as_numpy("labels"), result.as_numpy("scores")
        assert labels.shape == scores.shape
        assert (np.diff(scores, axis=1) <= 0).all()
        return [[label.decode() for label in row] for row in labels]

    return call


def kserve(protocol: str) -> Call:
    import httpx
    import numpy as np
    from kserve import InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig

    def body(model: str, images: list[bytes]) -> Any:
        if protocol == "v1":
            instances = [{"b64": base64.b64encode(image).decode()} for image in images]
            return {"instances": instances, "parameters": {"top_k": TOP_K}}
        tensor = InferInput("image", [len(images)], "BYTES")
        tensor.set_data_from_numpy(np.array(images, dtype=np.object_), binary_data=True)
        return InferRequest(model, [tensor], parameters={"top_k": TOP_K})

    async def send(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Any:
        client = InferenceRESTClient(RESTConfig(protocol=protocol))
        try:
            return await client.infer(url, body(model, images), model_name=model, headers=headers)
        except httpx.HTTPStatusError as err:
            raise CallError(err.response.status_code, err.response.json().get("error", "")) from err

    def call(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Labels:
        result = asyncio.run(send(url, model, images, headers))
        if protocol == "v1":
            return [[best["label"] for best in prediction] for prediction in result["predictions"]]
        (labels,) = (output for output in result.outputs if output.name == "labels")
        return [list(map(str, row)) for row in labels.as_numpy()]

    return call


def aiplatform() -> Call:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
    from google.cloud.aiplatform_v1.services.prediction_service.transports import PredictionServiceRestTransport
    from google.protobuf import json_format
    from google.protobuf.struct_pb2 import Value

    def call(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Labels:
        transport = PredictionServiceRestTransport(
            host=urlsplit(url).netloc,
            url_scheme="http",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # of google-auth
        )
        instances = [{"b64": base64.b64encode(image).decode()} for image in images]
        values = [json_format.ParseDict(instance, Value()) for instance in instances]
        parameters = json_format.ParseDict({"top_k": TOP_K}, Value())
        client = PredictionServiceClient(transport=transport)
        try:
            response = client.predict(endpoint=model, instances=values, parameters=parameters, retry=None)
        except GoogleAPICallError as err:
            raise CallError(int(err.code or 0), str(err)) from err
        document = json.loads(type(response).to_json(response))
        return [
            [f"error {prediction['error']['code']:.0f}: {prediction['error']['message']}"]
            if "error" in prediction
            else [best["label"] for best in prediction]
            for prediction in document["predictions"]
        ]

    return call


def sagemaker() -> Call:
    import boto3
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.local import LocalSession
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import IdentitySerializer

    def call(url: str, model: str, images: list[bytes], headers: dict[str, str]) -> Labels:
        session = LocalSession(boto3.Session("key", "secret", region_name="us-east-1"), disable_local_code=True)
        session.config = {"local": {"serving_port": urlsplit(url).port}}
        predictor = Predictor(
            model, session, serializer=IdentitySerializer("application/x-image"), deserializer=JSONDeserializer()
        )
        (image,) = images
        # SageMaker's local client does not report errors: it returns the body of any response.
        found = predictor.predict(image, custom_attributes=f"top_k={TOP_K}")
        if isinstance(found, dict):
            raise CallError(found["status"], found["error"])
        return [[best["label"] for best in found]]

    return call


CLIENTS: dict[str, Callable[[], Call]] = {
    "tritonclient": tritonclient_http,
    "kserve-v2": lambda: kserve("v2"),
    "kserve-v1": lambda: kserve("v1"),
    "aiplatform": aiplatform,
    "sagemaker": sagemaker,
}


def main() -> None:
    # The clients print to standard output; keep it for the results.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    call = CLIENTS[sys.argv[1]]()
    print(json.dumps({}), file=results, flush=True)
    for line in sys.stdin:
        given = json.loads(line)
        images = [base64.b64decode(image) for image in given["images"]]
        result: dict[str, Any]
        try:
            result = {"labels": call(given["url"], given["model"], images, given["headers"])}
        except CallError as err:
            result = {"status": err.status, "error": str(err)}
        except Exception as err:
            result = {"status": 0, "error": repr(err)}
        print(json.dumps(result), file=results, flush=True)


if __name__ == "__main__":
    main()
