"""`make run`: output, shutdown, restarts and refusals."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, wait_for
from tests.e2e.conftest import Product, started_product, still_running

pytestmark = pytest.mark.integration


def wait_until_ended(processes: list[psutil.Process], seconds: float) -> None:
    wait_for(lambda: not still_running(processes), seconds, "every process to end")


def test_the_printed_curl_line_works_when_pasted(product: Product) -> None:
    run = subprocess.run([*product.curl, "--silent"], cwd=ROOT, capture_output=True, timeout=30, check=True)
    predictions = json.loads(run.stdout)
    assert len(predictions) == 5
    assert predictions[0]["label"] == "espresso"
    assert predictions[0]["score"] >= predictions[1]["score"]


def test_every_default_model_predicts_through_the_gateway(product: Product, photos: list[Photo]) -> None:
    for model in product.models:
        response = product.predict(model, photos[0].data)
        assert response.status_code == 200, response.text
        assert response.headers["X-Model"] == model
        assert len(response.json()) == 5


def test_the_page_is_served(product: Product) -> None:
    assert requests.get(f"{product.page}/_stcore/health", timeout=10).text == "ok"


def test_other_users_cannot_read_the_files_of_a_run(product: Product) -> None:
    assert product.state.stat().st_mode & 0o777 == 0o700
    files = list(product.state.iterdir())
    assert {"keys.yaml", "api-key", "openapi.json", "gateway.log"} <= {file.name for file in files}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_no_argument_list_contains_a_secret(product: Product) -> None:
    document = json.loads((product.state / "openapi.json").read_text())
    (host,) = {urlsplit(backend["address"]).hostname for backend in found(document, "x-google-backend")}
    assert host.endswith(".localhost")
    for process in product.family():
        for secret in (product.key, host.partition(".")[0]):
            assert secret not in " ".join(process.cmdline())


def test_the_services_answer_the_gateway_only(product: Product, photos: list[Photo]) -> None:
    document = json.loads((product.state / "openapi.json").read_text())
    for backend in found(document, "x-google-backend"):
        address = f"http://127.0.0.1:{urlsplit(backend['address']).port}"
        for path in ("/predict", "/model", "/metrics", "/v1/models"):
            refused = requests.post(address + path, data=photos[0].data, timeout=5)
            assert refused.status_code == 400


def found(node: Any, key: str) -> list[Any]:
    """Every value of `key` in a document."""
    if isinstance(node, dict):
        return [value for name, value in node.items() if name == key] + [
            value for child in node.values() for value in found(child, key)
        ]
    return [value for child in node for value in found(child, key)] if isinstance(node, list) else []


def test_ctrl_c_stops_every_process_within_ten_seconds(own_product: Product) -> None:
    family = own_product.family()
    # The supervisor, the service and the directory with their workers, the gateway, Envoy, the page.
    assert len(family) >= 7
    own_product.process.send_signal(signal.SIGINT)
    wait_until_ended(family, 10)
    assert own_product.process.wait(1) == 0
    assert "Stopped." in own_product.printed


def test_every_process_ends_when_the_supervisor_is_killed(own_product: Product) -> None:
    family = own_product.family()
    own_product.process.kill()
    own_product.process.wait(5)
    wait_until_ended(family, 10)


def test_a_killed_service_is_restarted(own_product: Product, photos: list[Photo]) -> None:
    (service,) = [
        process
        for process in psutil.Process(own_product.process.pid).children()
        if "services.classifier" in process.cmdline()
    ]
    service.kill()
    wait_for(lambda: "efficientnet-lite0: killed by SIGKILL" in own_product.printed, 10, "the message")
    assert requests.get(f"{own_product.page}/_stcore/health", timeout=10).text == "ok"
    wait_for(lambda: own_product.predict("efficientnet-lite0", photos[0].data).status_code == 200, 20, "the restart")


def test_a_model_that_cannot_be_exported_does_not_stop_the_others(
    artifacts: Path, tmp_path: Path, photos: list[Photo]
) -> None:
    catalog = tmp_path / "models.yaml"
    text = (ROOT / "services" / "models.yaml").read_text(encoding="utf-8")
    broken = (
        '  broken:\n    title: Broken\n    architecture: resnet18\n    weights: {file: absent.pth, sha256: "SHA"}\n'
    )
    recipe = "    preprocess: {resize: 9, crop: 9, interpolation: bilinear, mean: [0, 0, 0], std: [1, 1, 1]}\n"
    catalog.write_text(text.replace("models:\n", "models:\n" + broken.replace("SHA", "a" * 64) + recipe, 1))
    running = started_product(tmp_path, "--models=broken efficientnet-lite0", f"--catalog={catalog}")
    try:
        wait_for(lambda: "Ctrl-C stops everything" in running.printed, 60, "the others to be ready")
        assert "broken: the weights" in running.printed
        assert "without broken." in running.printed
        assert running.predict("efficientnet-lite0", photos[0].data).status_code == 200
    finally:
        running.process.terminate()
        running.process.wait(12)


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "FRONTEND_PORT"])
def test_a_port_in_use_is_reported_before_anything_starts(tmp_path: Path, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        option = f"--{variable.lower().replace('_', '-')}={taken.getsockname()[1]}"
        running = started_product(tmp_path, option)
        assert running.process.wait(20) == 1
    assert f"{variable}: cannot listen on 127.0.0.1:" in running.printed
    assert f"choose another: make run {variable}=" in running.printed


def test_an_unknown_model_is_refused_with_the_known_names(tmp_path: Path) -> None:
    running = started_product(tmp_path, "--models=resnet-9000")
    assert running.process.wait(20) == 1
    assert "has no model 'resnet-9000'; it has efficientnet-lite0" in running.printed
