"""The running product responds as its document says."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from benchmarks.harness.photos import Photo
from tests.e2e.conftest import EVERY_GATEWAY, Api
from tests.strict_schema import schema_errors

pytestmark = pytest.mark.integration

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "product",
    ["started_by_make_run", pytest.param("rendered_for_kubernetes", marks=pytest.mark.thorough)],
    indirect=True,
    scope="session",
)
def test_schemathesis_finds_nothing(product: Api, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}", "run"),
        f"{product.gateway}/v1/openapi.json",
        f"--url={product.gateway}",
        f"--header=x-api-key: {product.key}",
        *("--phases=examples,coverage,fuzzing", "--max-examples=20", "--seed=1", "--no-color"),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=230, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    document = requests.get(f"{product.gateway}/v1/openapi.json", timeout=10).json()
    # All but the one that the document itself came from.
    operations = sum(len(item) for item in document["paths"].values()) - 1
    assert f"Selected: {operations}/{operations}" in run.stdout, run.stdout


@EVERY_GATEWAY
def test_no_response_has_an_undocumented_field(product: Api, photos: list[Photo]) -> None:
    document = requests.get(f"{product.gateway}/v1/openapi.json", timeout=10).json()

    def get(path: str, key: str = product.key) -> object:
        return requests.get(f"{product.gateway}{path}", headers={"x-api-key": key}, timeout=30).json()

    model = product.models[0]
    responses = [
        ("Models", get("/v1/models")),
        *(("Card", get(f"/v1/models/{name}")) for name in product.models),
        ("Ready", get(f"/v1/models/{model}/ready")),
        ("Predictions", product.predict(model, photos[0].data).json()),
        ("Problem", product.predict(model, b"not an image").json()),
        ("GatewayError", get("/v1/models", key="invalid")),
    ]
    for definition, body in responses:
        assert schema_errors(document, definition, body) == [], definition
