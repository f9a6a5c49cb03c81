"""Why there is one service per model: with one global model, visitors get each other's predictions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from benchmarks.harness.photos import Photo
from tests.e2e.conftest import EVERY_GATEWAY, Api
from tests.e2e.one_global_model import create_app

pytestmark = pytest.mark.integration
ONE, OTHER = "efficientnet-lite0", "efficientnet-lite2"
Predictions = list[Any]


@pytest.fixture(scope="module")
def client(artifacts: Path) -> FlaskClient:
    return create_app(artifacts, ONE).test_client()


def choose(client: FlaskClient, model: str) -> None:
    assert client.post(f"/model/{model}").json == {"model": model}


def predict(client: FlaskClient, photo: Photo) -> Any:
    return client.post("/predict", data=photo.data).json


@pytest.fixture(scope="module")
def alone(client: FlaskClient, photos: list[Photo]) -> dict[str, Predictions]:
    """The predictions of each model when nobody changes it."""
    predictions = {}
    for model in (ONE, OTHER):
        choose(client, model)
        predictions[model] = [predict(client, photo) for photo in photos[:4]]
    return predictions


def test_one_global_model_is_safe_while_nobody_changes_it(
    client: FlaskClient, alone: dict[str, Predictions], photos: list[Photo]
) -> None:
    choose(client, ONE)
    for photo, expected in zip(photos[:4], alone[ONE], strict=True):
        assert [predict(client, photo), predict(client, photo)] == [expected, expected]


def test_with_one_global_model_a_visitor_gets_predictions_of_another_visitors_model(
    client: FlaskClient, alone: dict[str, Predictions], photos: list[Photo]
) -> None:
    for number, photo in enumerate(photos[:4]):
        choose(client, ONE)  # the first visitor
        choose(client, OTHER)  # the second one, a moment later
        assert predict(client, photo) == alone[OTHER][number] != alone[ONE][number]  # the first visitor's image


@EVERY_GATEWAY
def test_with_one_service_per_model_each_visitor_gets_their_own_model(
    product: Api, alone: dict[str, Predictions], photos: list[Photo]
) -> None:
    visits = [(model, number) for number in range(4) for model in (ONE, OTHER)]
    assert all(before[0] != after[0] for before, after in pairwise(visits))
    for model, number in visits:
        predictions = product.predict(model, photos[number].data).json()
        assert [one["label"] for one in predictions] == [one["label"] for one in alone[model][number]]
