"""Predictions through the gateway: accuracy, isolation between callers, every form of request, errors."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from huggingface_hub import InferenceClient

from benchmarks.harness.photos import Photo
from tests.e2e.conftest import EVERY_GATEWAY, Api
from tests.running import ARTIFACTS, DEFAULT_MODELS

pytestmark = [pytest.mark.integration, EVERY_GATEWAY]


@pytest.mark.parametrize("model", DEFAULT_MODELS)
def test_accuracy_through_the_gateway_is_that_of_the_model(product: Api, photos: list[Photo], model: str) -> None:
    labels = (ARTIFACTS / model / "labels.txt").read_text(encoding="utf-8").splitlines()
    with requests.Session() as session:
        best = [product.predict(model, photo.data, session).json()[0]["label"] for photo in photos]
    right = sum(label == labels[photo.label] for label, photo in zip(best, photos, strict=True))
    assert right >= 17


def test_two_callers_with_two_models_never_get_each_others_predictions(product: Api, photos: list[Photo]) -> None:
    models = ("efficientnet-lite0", "efficientnet-lite2")
    alone = {(model, i): product.predict(model, photos[i].data).json() for model in models for i in range(4)}

    def caller(model: str) -> list[tuple[str, int, object]]:
        with requests.Session() as session:
            return [(model, i % 4, product.predict(model, photos[i % 4].data, session).json()) for i in range(200)]

    with ThreadPoolExecutor(2) as pool:
        responses = [response for responses in pool.map(caller, models) for response in responses]
    assert len(responses) == 400
    for model, photo, predictions in responses:
        assert predictions == alone[model, photo]
    assert alone[models[0], 0] != alone[models[1], 0]


@pytest.mark.parametrize("top_k", [None, 1, 3, 1000])
def test_the_hugging_face_client_works_unmodified(product: Api, photos: list[Photo], top_k: int | None) -> None:
    client = InferenceClient(headers={"x-api-key": product.key})
    address = f"{product.gateway}/v1/models/efficientnet-lite0/predict"
    found = client.image_classification(photos[0].path, model=address, top_k=top_k)
    assert len(found) == (top_k or 5)
    assert found[0].label == "bull mastiff"
    assert found[0].score >= found[-1].score


def test_the_hugging_face_client_may_name_the_function(product: Api, photos: list[Photo]) -> None:
    client = InferenceClient(headers={"x-api-key": product.key})
    address = f"{product.gateway}/v1/models/efficientnet-lite0/predict"
    found = client.image_classification(photos[0].path, model=address, function_to_apply="sigmoid")
    query = {"function_to_apply": "sigmoid", "key": product.key}
    response = requests.post(address, data=photos[0].data, params=query, timeout=30)
    assert [(row.label, row.score) for row in found] == [(row["label"], row["score"]) for row in response.json()]
    assert sum(row.score for row in found) > 1


def test_the_hugging_face_client_shows_the_detail_of_a_problem(product: Api, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not an image")
    client = InferenceClient(headers={"x-api-key": product.key})
    with pytest.raises(Exception, match="not in a supported format"):
        client.image_classification(text, model=f"{product.gateway}/v1/models/efficientnet-lite0/predict")


def test_all_forms_of_a_request_get_the_same_predictions(product: Api, photos: list[Photo]) -> None:
    address = f"{product.gateway}/v1/models/efficientnet-lite0/predict"
    data = photos[0].data
    headers = {"x-api-key": product.key}
    parameters = {"top_k": 3, "function_to_apply": "softmax"}
    forms = [
        requests.post(address, data=data, params={"top_k": 3}, headers=headers, timeout=30),
        requests.post(address, data=data, params={"top_k": "3", "key": product.key}, timeout=30),
        requests.post(
            address, data=data, params={"top_k": 3}, headers=headers | {"Content-Type": "image/gif"}, timeout=30
        ),
        requests.post(
            address, files={"image": ("../../x.png", data)}, params={"top_k": 3}, headers=headers, timeout=30
        ),
        requests.post(
            address, data=data, params={"top_k": "3", "function_to_apply": "softmax"}, headers=headers, timeout=30
        ),
        *(
            requests.post(address, json={"inputs": inputs, "parameters": parameters}, headers=headers, timeout=30)
            for inputs in (
                base64.b64encode(data).decode(),
                base64.encodebytes(data).decode(),
                f"data:image/jpeg;base64,{base64.urlsafe_b64encode(data).decode()}",
            )
        ),
    ]
    assert [form.status_code for form in forms] == [200] * len(forms), [form.text for form in forms]
    assert [form.json() for form in forms] == [forms[0].json()] * len(forms)
    assert len(forms[0].json()) == 3
    assert {"Server-Timing", "X-Request-Id", "X-Model", "X-Model-Version"} <= forms[0].headers.keys()


def test_function_to_apply_turns_logits_into_scores(product: Api, photos: list[Photo]) -> None:
    def scores(function: str) -> list[float]:
        address = f"{product.gateway}/v1/models/efficientnet-lite0/predict"
        headers, data = {"x-api-key": product.key}, photos[0].data
        query = {"top_k": "1000", "function_to_apply": function}
        by_query = requests.post(address, params=query, data=data, headers=headers, timeout=30).json()
        body = {"inputs": base64.b64encode(data).decode(), "parameters": query | {"top_k": 1000}}
        assert requests.post(address, json=body, headers=headers, timeout=30).json() == by_query
        return [row["score"] for row in by_query]

    assert sum(scores("softmax")) == pytest.approx(1, abs=0.001)
    assert max(scores("none")) > 1
    assert all(0 <= score <= 1 for score in scores("sigmoid"))


def test_the_list_the_cards_and_the_readiness_routes_agree(product: Api) -> None:
    headers = {"x-api-key": product.key}
    listed = requests.get(f"{product.gateway}/v1/models", headers=headers, timeout=10).json()["models"]
    assert [model["name"] for model in listed] == list(product.models)
    for model in listed:
        card = requests.get(product.gateway + model["card"], headers=headers, timeout=10).json()
        ready = requests.get(product.gateway + model["ready"], headers=headers, timeout=10).json()
        assert card["labels"] == model["labels"] == 1000
        assert card["scores"] == model["scores"] == "softmax"
        assert {side: card["input"][side] for side in ("width", "height")} == model["input"]
        assert card["receipt"]["model"] == model["name"]
        assert ready == {"status": "ready", "model": model["name"], "version": card["version"]}


def test_the_document_and_its_page_need_no_key_and_do_not_name_backends(product: Api) -> None:
    document = requests.get(f"{product.gateway}/v1/openapi.json", timeout=10)
    assert document.status_code == 200
    assert "/v1/models/efficientnet-lite0/predict" in document.json()["paths"]
    assert "127.0.0.1" not in document.text
    page = requests.get(f"{product.gateway}/docs", timeout=10)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_browser_may_call_from_another_origin(product: Api) -> None:
    address = f"{product.gateway}/v1/models/efficientnet-lite0/predict"
    preflight = requests.options(
        address, headers={"Origin": "https://a.test", "Access-Control-Request-Method": "POST"}, timeout=10
    )
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"]
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"


def test_the_errors_of_the_gateway_have_the_shape_of_google(product: Api) -> None:
    assert requests.get(f"{product.gateway}/nope", timeout=10).json() == {
        "code": 404,
        "message": "The current request is not defined by this API.",
    }
    assert requests.get(f"{product.gateway}/v1/models", timeout=10).json()["code"] == 401
