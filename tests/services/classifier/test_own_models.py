"""Models with 1, 2, 9 and 21,841 labels, from the catalog to the service's predictions."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch

from benchmarks.harness.photos import Photo
from gateway.document.parse import read_document
from gateway.product.openapi_document import SOURCE
from services.artifact import ScoreFunction, read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.parameters import FUNCTIONS
from services.classifier.predictions import SCORES
from tests.running import Service, StartService
from tests.services.export.own_models import MODELS
from tests.strict_schema import schema_errors

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def exported(own_models: Path) -> Path:
    """The folder of the artifacts."""
    return own_models.with_name("out")


@pytest.fixture(scope="module", params=MODELS)
def served(request: pytest.FixtureRequest, exported: Path, start_service: StartService) -> tuple[str, Service]:
    """The name of a model, and its service."""
    return request.param, start_service(MODEL_NAME=request.param, MODEL_DIR=str(exported))


def expected(exported: Path, name: str, photo: Photo, function: ScoreFunction) -> list[float]:
    """Torch's scores in the order of the labels."""
    pixels = decoded_pixels(photo.data, read_receipt(exported / name).preprocess)
    image = (torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255 - 0.5) / 0.5
    with torch.inference_mode():
        outputs = MODELS[name].module(image.unsqueeze(0))[0].numpy()
    scores: list[float] = SCORES[function](outputs).tolist()
    return scores


def predicted(service: Service, photo: Photo, **query: Any) -> list[tuple[str, float]]:
    response = requests.post(f"{service.url}/predict", data=photo.data, params=query, timeout=30)
    assert response.status_code == 200, response.text
    return [(row["label"], row["score"]) for row in response.json()]


def test_the_card_has_the_number_of_labels_and_the_kind_of_scores(served: tuple[str, Service]) -> None:
    name, service = served
    card = requests.get(f"{service.url}/model", timeout=10).json()
    assert (card["labels"], card["scores"]) == (MODELS[name].count, MODELS[name].scores)
    assert card["receipt"]["scores"] == card["scores"]
    assert schema_errors(read_document(SOURCE).data, "Card", card) == []


def test_a_label_that_occurs_twice_is_told_apart_and_the_export_says_so(own_models: Path) -> None:
    assert "'label 0 (2)'" in own_models.with_name("output").read_text()


@pytest.mark.parametrize("function", [None, *FUNCTIONS])
def test_all_scores_are_torchs_by_the_models_function_or_the_requests(
    served: tuple[str, Service], exported: Path, photos: list[Photo], function: ScoreFunction | None
) -> None:
    name, service = served
    labels = (exported / name / "labels.txt").read_text().splitlines()
    query = {"function_to_apply": function} if function else {}
    found = predicted(service, photos[0], top_k=30_000, **query)
    assert len(found) == len(labels) == MODELS[name].count
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    scores = dict(found)
    wanted = expected(exported, name, photos[0], function or MODELS[name].scores)
    # Half precision: relative to the largest output.
    assert [scores[label] for label in labels] == pytest.approx(wanted, abs=0.02 * max(1, np.abs(wanted).max()))


def test_fewer_labels_than_were_asked_for_are_all_returned(served: tuple[str, Service], photos: list[Photo]) -> None:
    name, service = served
    assert len(predicted(service, photos[0], top_k=10)) == min(10, MODELS[name].count)
    assert predicted(service, photos[0], top_k=10)[:5] == predicted(service, photos[0])


def test_json_gets_the_same_scores_as_the_images_bytes(served: tuple[str, Service], photos: list[Photo]) -> None:
    _, service = served
    for inputs in (
        base64.encodebytes(photos[0].data).decode(),
        f"data:image/jpeg;base64,{base64.urlsafe_b64encode(photos[0].data).decode().rstrip('=')}",
    ):
        response = requests.post(f"{service.url}/predict", json={"inputs": inputs}, timeout=30)
        assert [(row["label"], row["score"]) for row in response.json()] == predicted(service, photos[0])
