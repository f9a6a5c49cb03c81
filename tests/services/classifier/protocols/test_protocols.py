"""Each protocol's responses: to one image, a batch, errors, overload, past the deadline, and for unknown models."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from benchmarks.harness.photos import Photo
from tests.running import Service, StartService
from tests.services.classifier.protocols.callers import (
    BATCH,
    CLIENTS,
    NAMES_MODEL,
    PLAIN,
    VERTEX_ENDPOINT,
    VERTEX_ROUTE,
    Call,
    Outcome,
)
from tests.services.fake_model import FakeService, StartFake

pytestmark = pytest.mark.integration

ALL = [*PLAIN, *CLIENTS]
VERTEX = {"AIP_HEALTH_ROUTE": "/health", "AIP_PREDICT_ROUTE": VERTEX_ROUTE}
GetCaller = Callable[[str], Call]


def model_of(name: str, model: str) -> str:
    """What the caller names: Vertex AI's client an endpoint, the others the model."""
    return VERTEX_ENDPOINT if name == "aiplatform" else model


def send(caller: GetCaller, name: str, url: str, model: str, *images: bytes) -> Outcome:
    return caller(name)(url, model_of(name, model), list(images), {})


@pytest.fixture(scope="module")
def served(start_service: StartService) -> Service:
    return start_service(MODEL_NAME="efficientnet-lite0", **VERTEX)


@pytest.mark.parametrize("name", ALL)
def test_an_image_gets_the_labels_that_predict_returns(
    served: Service, caller: GetCaller, photos: list[Photo], name: str
) -> None:
    predicted = requests.post(f"{served.url}/predict?top_k=2", data=photos[0].data, timeout=20).json()
    assert send(caller, name, served.url, "efficientnet-lite0", photos[0].data) == Outcome(
        [[best["label"] for best in predicted]]
    )


@pytest.mark.parametrize("name", BATCH)
def test_a_batch_gets_the_labels_of_each_image_in_order(
    served: Service, caller: GetCaller, photos: list[Photo], name: str
) -> None:
    images = [photo.data for photo in photos[:5]]
    alone = [send(caller, name, served.url, "efficientnet-lite0", image).labels[0] for image in images]
    assert send(caller, name, served.url, "efficientnet-lite0", *images) == Outcome(alone)
    assert len({labels[0] for labels in alone}) > 1


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_an_image_gets_415_and_the_detail_of_the_problem(
    served: Service, caller: GetCaller, name: str
) -> None:
    received = send(caller, name, served.url, "efficientnet-lite0", b"not an image")
    assert received.status == 415
    assert "supported format" in received.error


@pytest.mark.parametrize("name", [name for name in BATCH if name not in ("plain vertex", "aiplatform")])
def test_a_batch_with_a_bad_image_gets_an_error_that_names_it(
    served: Service, caller: GetCaller, photos: list[Photo], name: str
) -> None:
    received = send(caller, name, served.url, "efficientnet-lite0", photos[0].data, b"not an image")
    assert received.status == 415
    assert "Image 1" in received.error


def test_vertex_ai_gets_the_error_of_an_instance_in_its_place(served: Service, photos: list[Photo]) -> None:
    url = f"{served.url}{VERTEX_ROUTE}"
    first = requests.post(f"{served.url}/predict", data=photos[0].data, timeout=20).json()
    good = {"b64": base64.b64encode(photos[0].data).decode()}
    instances = [{"b64": "AAAA"}, good, {"url": "http://127.0.0.1/"}, 7]
    predictions = requests.post(url, json={"instances": instances}, timeout=20).json()["predictions"]
    assert predictions[1] == first
    assert [predictions[number]["error"]["code"] for number in (0, 2, 3)] == [3, 3, 3]


def test_the_client_of_vertex_ai_reads_the_error_of_an_instance(
    served: Service, caller: GetCaller, photos: list[Photo]
) -> None:
    labels = send(caller, "aiplatform", served.url, "", photos[0].data, b"not an image").labels
    assert len(labels[0]) == 2
    assert labels[1][0].startswith("error 3: ")


def refused_behind_another(fake: FakeService, call: Call, name: str) -> str:
    """The error of a request sent while another is predicted; it must be a 429 and never reach the model."""
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(requests.post, f"{fake.service.url}/predict", data=b"first hold", timeout=20)
        fake.wait_until_predicting("first")
        received = call(fake.service.url, model_of(name, "fake"), [b"second"], {})
        fake.release("first")
        assert held.result().status_code == 200
    assert received.status == 429
    assert fake.predicted() == ["first"]
    return received.error


@pytest.mark.parametrize("name", ALL)
def test_an_overloaded_service_refuses_at_once(start_fake: StartFake, caller: GetCaller, name: str) -> None:
    call = caller(name)  # skips the test before anything has started
    fake = start_fake(GUICHET_CONCURRENCY="1", **VERTEX)
    assert "overloaded" in refused_behind_another(fake, call, name)


@pytest.mark.parametrize("name", ALL)
def test_a_request_still_queued_at_the_deadline_is_refused(start_fake: StartFake, caller: GetCaller, name: str) -> None:
    call = caller(name)  # skips the test before anything has started
    fake = start_fake(GUICHET_DEADLINE="0.3", GUICHET_PROCESSES="1", **VERTEX)
    assert "deadline" in refused_behind_another(fake, call, name)


@pytest.mark.parametrize("name", BATCH)
def test_a_batch_ends_at_the_deadline(start_fake: StartFake, caller: GetCaller, name: str) -> None:
    call = caller(name)
    fake = start_fake(GUICHET_DEADLINE="0.3", GUICHET_PROCESSES="1", **VERTEX)
    received = call(fake.service.url, model_of(name, "fake"), [b"one sleep 0.4", b"two"], {})
    assert received.status == 429
    assert "1 of 2" in received.error
    assert fake.predicted() == ["one"]


@pytest.mark.parametrize("name", NAMES_MODEL)
def test_an_unknown_model_gets_404(served: Service, caller: GetCaller, photos: list[Photo], name: str) -> None:
    received = send(caller, name, served.url, "other", photos[0].data)
    assert received.status == 404
    assert "`efficientnet-lite0`" in received.error


def test_sagemakers_attributes_for_others_are_ignored(served: Service, photos: list[Photo]) -> None:
    headers = {"X-Amzn-SageMaker-Custom-Attributes": "trace-id=7, top_k=1"}
    response = requests.post(f"{served.url}/invocations", data=photos[0].data, headers=headers, timeout=20)
    assert len(response.json()) == 1
