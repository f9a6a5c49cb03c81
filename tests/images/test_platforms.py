"""A model's image, started as Vertex AI, SageMaker and KServe start it: with their variables, commands and probes.

The root file system is read-only, and the user is one that the image does not know.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.harness.photos import Photo
from tests.images.conftest import MODEL
from tests.images.containers import ANY_USER, Containers, Running
from tests.images.source import Built

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(1800)]

# https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
VERTEX = {
    "AIP_HTTP_PORT": "8080",
    "AIP_HEALTH_ROUTE": "/v1/endpoints/11/deployedModels/22",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/11/deployedModels/22:predict",
    "AIP_STORAGE_URI": "",
    "AIP_MODE": "PREDICTION",
    "AIP_ACCELERATOR_TYPE": "",
    "AIP_DEPLOYED_MODEL_ID": "22",
    "AIP_ENDPOINT_ID": "11",
    "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
    "AIP_MACHINE_TYPE": "n1-standard-2",
    "AIP_MODEL_NAME": "guichet",
    "AIP_PROJECT_NUMBER": "1111",
    "AIP_VERSION_NAME": "1",
    "CLOUD_ML_PROJECT_ID": "1111",
}
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
SAGEMAKER = {
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    "SAGEMAKER_REGION": "eu-west-1",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
# As one of several containers of an endpoint.
SAGEMAKER_PORT = SAGEMAKER | {"SAGEMAKER_BIND_TO_PORT": "8087", "SAGEMAKER_SAFE_PORT_RANGE": "21000-21999"}
# Of Kubernetes, and of Knative, in which KServe may run a predictor.
KSERVE = {
    "PORT": "8080",
    "K_SERVICE": "guichet-cats-predictor",
    "K_CONFIGURATION": "guichet-cats-predictor",
    "K_REVISION": "guichet-cats-predictor-00001",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    "GUICHET_CATS_PREDICTOR_SERVICE_HOST": "10.96.0.7",
    "GUICHET_CATS_PREDICTOR_PORT": "tcp://10.96.0.7:80",
}
Serve = contextlib.AbstractContextManager[Running]


def starting(started: Containers, built: Built, environment: dict[str, str], *command: str) -> Serve:
    return started.start(built.image, {"GUICHET_SANDBOX": "required"} | environment, {}, command, ANY_USER)


def posted(running: Running, path: str, body: Any, port: int = 8080) -> Any:
    return running.ask(path, json.dumps(body).encode(), port, content_type="application/json")


def labels(predictions: list[dict[str, Any]]) -> list[str]:
    return [prediction["label"] for prediction in predictions]


@pytest.fixture(scope="module")
def expected(lite0: Built, started: Containers, photos: list[Photo]) -> Iterator[list[str]]:
    """The labels of the first photo, by `/predict` of the image as it is."""
    with starting(started, lite0, {}) as running:
        yield labels(running.ask("/predict", photos[0].data).json)


def test_as_vertex_ai(lite0: Built, started: Containers, photos: list[Photo], expected: list[str]) -> None:
    instance = {"b64": base64.b64encode(photos[0].data).decode()}
    with starting(started, lite0, VERTEX) as running:
        assert running.ask(VERTEX["AIP_HEALTH_ROUTE"], port=8080).status == 200
        found = posted(running, VERTEX["AIP_PREDICT_ROUTE"], {"instances": [instance, {"b64": "AAAA"}]})
        assert labels(found.json["predictions"][0]) == expected
        assert found.json["predictions"][1]["error"]["code"] == 3
        refused = posted(running, VERTEX["AIP_PREDICT_ROUTE"], {"instances": []})
        assert (refused.status, refused.json["error"]["code"]) == (400, 400)


@pytest.mark.parametrize(
    ("variables", "port"), [(SAGEMAKER, 8080), (SAGEMAKER_PORT, 8087)], ids=["alone", "of-several"]
)
def test_as_sagemaker(
    lite0: Built,
    started: Containers,
    photos: list[Photo],
    expected: list[str],
    variables: dict[str, str],
    port: int,
) -> None:
    with starting(started, lite0, variables, "serve") as running:
        assert running.ask("/ping", port=port).status == 200
        found = running.ask("/invocations", photos[0].data, port, content_type="application/x-image")
        assert labels(found.json) == expected
        refused = running.ask("/invocations", b"1,2,3", port, content_type="text/csv")
        assert (refused.status, refused.json["code"]) == (415, "media_type_unsupported")


def test_as_kserve(lite0: Built, started: Containers, photos: list[Photo], expected: list[str]) -> None:
    image = base64.b64encode(photos[0].data).decode()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [image]}
    with starting(started, lite0, KSERVE) as running:
        for probe in (f"/v1/models/{MODEL}", "/v2/health/live", "/v2/health/ready", f"/v2/models/{MODEL}/ready"):
            assert running.ask(probe, port=8080).status == 200, probe
        v1 = posted(running, f"/v1/models/{MODEL}:predict", {"instances": [{"b64": image}]})
        assert labels(v1.json["predictions"][0]) == expected
        v2 = posted(running, f"/v2/models/{MODEL}/infer", {"id": "7", "inputs": [tensor]})
        assert v2.json["id"] == "7"
        assert v2.json["outputs"][0]["data"] == expected
        refused = posted(running, f"/v2/models/{MODEL}/infer", {"inputs": [tensor | {"data": ["AAAA"]}]})
        assert (refused.status, refused.json["error"]) == (415, refused.json["detail"])
