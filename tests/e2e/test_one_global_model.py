"""Why there is a service for each model: what a global variable does to two visitors, and what it does not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.e2e.conftest import Product
from tests.e2e.one_global_model import create_app
from tests.running import Photo

ONE, OTHER = "efficientnet-lite0", "efficientnet-lite2"
Answers = list[Any]


@pytest.fixture(scope="module")
def old(artifacts: Path) -> FlaskClient:
    return create_app(artifacts, ONE).test_client()


def choose(client: FlaskClient, model: str) -> None:
    assert client.post(f"/model/{model}").json == {"model": model}


def ask(client: FlaskClient, photo: Photo) -> Any:
    return client.post("/predict", data=photo.data).json


@pytest.fixture(scope="module")
def alone(old: FlaskClient, photos: list[Photo]) -> dict[str, Answers]:
    """What either model answers when nobody else is there."""
    answers = {}
    for model in (ONE, OTHER):
        choose(old, model)
        answers[model] = [ask(old, photo) for photo in photos[:4]]
    return answers


def test_one_global_model_that_nobody_changes_does_no_harm(
    old: FlaskClient, alone: dict[str, Answers], photos: list[Photo]
) -> None:
    choose(old, ONE)
    for photo, expected in zip(photos[:4], alone[ONE], strict=True):
        assert [ask(old, photo), ask(old, photo)] == [expected, expected]


def test_with_one_global_model_a_visitor_gets_the_answer_of_somebody_elses_model(
    old: FlaskClient, alone: dict[str, Answers], photos: list[Photo]
) -> None:
    for number, photo in enumerate(photos[:4]):
        choose(old, ONE)  # the first visitor
        choose(old, OTHER)  # the second one, a moment later
        assert ask(old, photo) == alone[OTHER][number] != alone[ONE][number]  # the first one's picture


def test_with_a_service_for_each_model_nobody_can(
    product: Product, alone: dict[str, Answers], photos: list[Photo]
) -> None:
    visits = [(model, number) for number in range(4) for model in (ONE, OTHER)]
    assert all(before[0] != after[0] for before, after in pairwise(visits))
    for model, number in visits:
        answer = product.predict(model, photos[number].data).json()
        assert [one["label"] for one in answer] == [one["label"] for one in alone[model][number]]
