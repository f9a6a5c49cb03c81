"""The running product conforms to its OpenAPI document, and returns no field that the document does not list."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft7Validator

from tests.e2e.conftest import Product
from tests.running import Photo

pytestmark = pytest.mark.integration
CONFIG = Path(__file__).with_name("schemathesis.toml")
MODEL = "/v1/models/efficientnet-lite0"


@pytest.fixture(scope="module")
def document(product: Product) -> dict[str, Any]:
    served: dict[str, Any] = requests.get(f"{product.gateway}/v1/openapi.json", timeout=10).json()
    return served


def closed(schema: Any) -> Any:
    """The schema without undocumented fields, and with `x-nullable` as JSON Schema writes it."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    if schema.get("x-nullable"):
        found["type"] = [schema["type"], "null"]
    return found


def require_documented(document: dict[str, Any], definition: str, value: object) -> None:
    schema = {"$ref": f"#/definitions/{definition}", "definitions": closed(document["definitions"])}
    assert [error.message for error in Draft7Validator(schema).iter_errors(value)] == []


def test_schemathesis_finds_no_violation(product: Product, document: dict[str, Any], tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"),
        f"{product.gateway}/v1/openapi.json",
        f"--url={product.gateway}",
        f"--header=x-api-key: {product.key}",
        *("--phases=examples,coverage,fuzzing", "--max-examples=20", "--seed=1", "--no-color"),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    # Schemathesis leaves out the operation that returned the document.
    operations = sum(len(item) for item in document["paths"].values()) - 1
    assert f"Selected: {operations}/{operations}" in run.stdout, run.stdout


@pytest.mark.parametrize(
    ("path", "definition"), [("/v1/models", "Models"), (MODEL, "Card"), (f"{MODEL}/ready", "Ready")]
)
def test_every_returned_field_is_documented(
    product: Product, document: dict[str, Any], path: str, definition: str
) -> None:
    response = requests.get(product.gateway + path, headers={"x-api-key": product.key}, timeout=10)
    assert response.status_code == 200
    require_documented(document, definition, response.json())


def test_every_field_of_a_prediction_is_documented(
    product: Product, document: dict[str, Any], photos: list[Photo]
) -> None:
    response = product.predict("efficientnet-lite0", photos[0].data)
    assert response.status_code == 200
    require_documented(document, "Predictions", response.json())


def test_every_field_of_a_problem_is_documented(product: Product, document: dict[str, Any]) -> None:
    response = product.predict("efficientnet-lite0", b"not an image")
    assert response.status_code == 415
    require_documented(document, "Problem", response.json())


def test_an_undocumented_field_is_noticed(document: dict[str, Any]) -> None:
    ready = {"status": "ready", "model": "efficientnet-lite0", "version": "0"}
    require_documented(document, "Ready", ready)
    with pytest.raises(AssertionError, match="extra"):
        require_documented(document, "Ready", ready | {"extra": 1})
