"""The fake gateway responds as the API's document says, with every documented field and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import requests
from ruamel.yaml import YAML

from benchmarks.harness.process import ROOT
from benchmarks.harness.stub_gateway import StubGateway, problem, response, stub_gateway

pytestmark = pytest.mark.integration
DOCUMENT: dict[str, Any] = YAML(typ="safe").load(ROOT / "gateway" / "openapi.yaml")
MODEL = "efficientnet-lite0"
ROUTE = f"/v1/models/{MODEL}"


def closed(schema: Any) -> Any:
    """The schema, refusing fields that it does not name and requiring those it names, except `instance`."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items() if key != "example"}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result |= {"additionalProperties": False, "required": sorted(set(schema["properties"]) - {"instance"})}
    return result


def validate(body: object, definition: str) -> None:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": closed(DOCUMENT["definitions"])}
    jsonschema.validate(body, schema)


@pytest.fixture(scope="module")
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


def send(gateway: StubGateway, path: str, key: str = "", **options: Any) -> requests.Response:
    method = "POST" if "data" in options or "json" in options else "GET"
    headers = {"x-api-key": key or gateway.key}
    return requests.request(method, gateway.address + path, headers=headers, timeout=10, **options)


@pytest.mark.parametrize(
    ("path", "definition"),
    [("/v1/models", "Models"), (ROUTE, "Card"), (f"{ROUTE}/ready", "Ready")],
    ids=["listing", "card", "ready"],
)
def test_responses_have_the_documented_fields_and_no_other(gateway: StubGateway, path: str, definition: str) -> None:
    validate(send(gateway, path).json(), definition)


@pytest.mark.parametrize("body", [{"data": b"an image"}, {"json": {"url": "https://x.example/"}}], ids=["bytes", "URL"])
def test_predictions_have_the_documented_fields_and_headers(gateway: StubGateway, body: dict[str, Any]) -> None:
    predicted = send(gateway, f"{ROUTE}/predict?top_k=3", **body)
    validate(predicted.json(), "Predictions")
    documented = DOCUMENT["responses"]["Predicted"]["headers"]
    assert set(documented) - {"X-Request-Id"} <= set(predicted.headers)  # sent only if the request has one


@pytest.mark.parametrize(
    ("path", "key", "status"), [("/v1/models", "wrong", 401), ("/v1/models/unknown", "", 404), ("/nowhere", "", 404)]
)
def test_the_gateway_s_own_errors_have_the_documented_fields(
    gateway: StubGateway, path: str, key: str, status: int
) -> None:
    refused = send(gateway, path, key)
    assert refused.status_code == status
    validate(refused.json(), "GatewayError")


def test_a_service_s_errors_have_the_documented_fields() -> None:
    validate(problem(415, "image_unsupported", "Not an image."), "Problem")


@pytest.mark.parametrize("change", [{"undocumented": 1}, {"title": None}], ids=["undocumented", "missing"])
def test_an_undocumented_or_missing_field_is_refused(gateway: StubGateway, change: dict[str, Any]) -> None:
    card = {name: value for name, value in (send(gateway, ROUTE).json() | change).items() if value is not None}
    with pytest.raises(jsonschema.ValidationError):
        validate(card, "Card")


def test_a_response_can_be_replaced(gateway: StubGateway) -> None:
    gateway.reset()
    gateway.models[MODEL].broken = response(503, {"code": 503, "message": "no healthy upstream"}, Retry_After="1")
    replaced = send(gateway, f"{ROUTE}/ready")
    assert (replaced.status_code, replaced.headers["Retry-After"]) == (503, "1")
    gateway.reset()
