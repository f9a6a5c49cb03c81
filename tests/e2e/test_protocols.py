"""Clients of other servers through the gateway, with its key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.harness.photos import Photo
from tests.e2e.conftest import EVERY_GATEWAY, Api
from tests.services.classifier.protocols.callers import CLIENTS_PYTHON, PLAIN, Call, Client, Outcome

pytestmark = [pytest.mark.integration, EVERY_GATEWAY]

MODEL = "efficientnet-lite1"


@pytest.fixture(
    scope="module", params=["plain open-inference", "plain kserve", "tritonclient", "kserve-v1", "kserve-v2"]
)
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    if request.param in PLAIN:
        yield PLAIN[request.param]
    elif CLIENTS_PYTHON.exists():
        client = Client(request.param)
        yield client
        client.close()
    else:
        pytest.skip("the clients are not installed: run `make clients`, or set CLIENTS_PYTHON")


def test_a_batch_gets_what_predict_returns(product: Api, photos: list[Photo], call: Call) -> None:
    images = [photo.data for photo in photos[:3]]
    predicted = [[best["label"] for best in product.predict(MODEL, image, top_k="2").json()] for image in images]
    assert call(product.gateway, MODEL, images, {"x-api-key": product.key}) == Outcome(predicted)


def test_a_client_sees_the_error_of_the_service(product: Api, call: Call) -> None:
    found = call(product.gateway, MODEL, [b"not an image"], {"x-api-key": product.key})
    assert found.status == 415
    assert "supported format" in found.error


@pytest.mark.parametrize(
    ("model", "headers", "status"), [(MODEL, {}, 401), (MODEL, {"x-api-key": "wrong"}, 400), ("other", None, 404)]
)
def test_a_client_sees_the_status_of_the_gateways_errors(
    product: Api, photos: list[Photo], call: Call, model: str, headers: dict[str, str] | None, status: int
) -> None:
    headers = {"x-api-key": product.key} if headers is None else headers
    assert call(product.gateway, model, [photos[0].data], headers).status == status
