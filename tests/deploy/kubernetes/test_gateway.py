"""The rendered Envoy, with its backends pointed at processes of this machine."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, end_process, free_port, responds, wait_for
from deploy.kubernetes.gateway import DIRECTORY, gateway_bootstrap, gateway_document
from deploy.kubernetes.options import Options
from deploy.plan.desired_state import listing
from gateway.api_keys import Key
from gateway.envoy.envoy_process import envoy_binary
from gateway.origin import origin
from gateway.product.document import public_document
from gateway.runtime import AddressPrefix, Target
from services.catalog import load_catalog
from services.published_document import published_text
from tests.e2e.conftest import Product
from tests.running import Service, StartService
from tests.services.classifier.protocols.callers import Outcome, kserve_v1, open_inference

pytestmark = pytest.mark.integration

MODEL = "efficientnet-lite0"
OPTIONS = Options("kubernetes", "r.example.com/guichet", (Key("local", "1111"),))


@pytest.fixture(scope="module")
def gateway(lite0: Service, start_service: StartService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Envoy, with one model and the directory behind it."""
    folder = tmp_path_factory.mktemp("gateway")
    catalog = load_catalog()
    (model,) = models = catalog.select([MODEL])
    document = gateway_document(models, OPTIONS)
    published = folder / "openapi.json"
    published.write_text(published_text(public_document(document), listing(catalog, models)), encoding="utf-8")
    directory = start_service("services.directory", GUICHET_DOCUMENT=str(published), MODEL_DIR="")
    overrides = {
        AddressPrefix(origin(OPTIONS.model_url(model))): Target(origin(lite0.url)),
        AddressPrefix(origin(OPTIONS.url(DIRECTORY))): Target(origin(directory.url)),
    }
    port = free_port()
    text = gateway_bootstrap(document, OPTIONS, address="127.0.0.1", port=port, backend_overrides=overrides)
    config = folder / "envoy.json"
    config.write_text(text, encoding="utf-8")
    log = folder / "log"
    with log.open("w") as output:
        command = [str(envoy_binary()), "--config-path", str(config), "--disable-hot-restart", "--concurrency", "1"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: process.poll() is not None or responds(f"{url}/v1/openapi.json"), 15, "Envoy to be ready")
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        end_process(process)


def product(gateway: str, tmp_path: Path) -> Product:
    return Product(gateway, "", "local", None, tmp_path, tmp_path, (MODEL,))  # type: ignore[arg-type]  # not started here


def test_it_predicts_with_a_key_only(gateway: str, photos: list[Photo], tmp_path: Path) -> None:
    found = product(gateway, tmp_path).predict(MODEL, photos[0].data, top_k="2")
    assert (found.status_code, found.headers["X-Model"]) == (200, MODEL)
    assert found.json()[0]["label"] == "bull mastiff"
    assert requests.post(f"{gateway}/v1/models/{MODEL}/predict", data=photos[0].data, timeout=20).status_code == 401
    wrong = requests.post(f"{gateway}/v1/models/{MODEL}/predict?key=wrong", data=photos[0].data, timeout=20)
    assert wrong.status_code == 400
    assert requests.get(f"{gateway}/nope", timeout=20).json()["code"] == 404


def test_it_offers_the_other_protocols(gateway: str, photos: list[Photo]) -> None:
    headers = {"x-api-key": "local"}
    expected = Outcome([["bull mastiff", "boxer"]])
    assert open_inference(gateway, MODEL, [photos[0].data], headers) == expected
    assert kserve_v1(gateway, MODEL, [photos[0].data], headers) == expected


def test_it_shows_the_models_and_the_document(gateway: str) -> None:
    listed = requests.get(f"{gateway}/v1/models", headers={"x-api-key": "local"}, timeout=20).json()["models"]
    assert [one["name"] for one in listed] == [MODEL]
    for path in (listed[0]["card"], listed[0]["ready"], "/docs"):
        assert requests.get(f"{gateway}{path}", headers={"x-api-key": "local"}, timeout=20).status_code == 200
    document = requests.get(f"{gateway}/v1/openapi.json", timeout=20)
    assert "svc.cluster.local" not in document.text


def test_the_command_writes_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text('- {key: local, consumer: "1111"}\n')
    command = [sys.executable, "-m", "deploy", "manifests", "--target=knative", "--registry=r.example.com/guichet"]
    command += [f"--keys={keys}", f"--output={tmp_path / 'out'}", "--models=resnet18"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert files == dict.fromkeys(
        (
            "directory.yaml",
            "gateway.yaml",
            "kustomization.yaml",
            "model-resnet18.yaml",
            "network-policies.yaml",
            "page.yaml",
        ),
        0o600,
    )


def test_the_command_explains_an_invalid_option(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy", "manifests", "--target=nomad", "--registry=r", "--output=x"]
    keys = tmp_path / "keys.yaml"
    keys.write_text('- {key: local, consumer: "1111"}\n')
    run = subprocess.run(
        [*command, f"--keys={keys}"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "200", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert "--target should be one of kubernetes, knative, kserve" in run.stderr
    assert "Traceback" not in run.stderr
