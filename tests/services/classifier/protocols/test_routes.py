"""Which routes exist, with which settings."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, wait_for
from services.classifier.protocols.routes import ROUTES
from services.classifier.settings import PROTOCOLS, Settings
from services.environment import SettingsError
from tests.running import Service, StartService

REQUIRED = {"MODEL_NAME": "efficientnet-lite0"}


def settings(**variables: str) -> Settings:
    return Settings.read(REQUIRED | variables, 1)


@pytest.mark.parametrize(("module", "name"), sorted({route[2:] for routes in ROUTES.values() for route in routes}))
def test_the_view_of_each_route_exists(module: str, name: str) -> None:
    assert callable(getattr(import_module(f"services.classifier.protocols.{module}"), name))


@pytest.mark.integration
def test_a_service_starts_without_the_modules_of_its_protocols() -> None:
    modules = "services.classifier.__main__, services.classifier.app, services.classifier.workers.pool"
    script = f"import sys, {modules}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    protocols = [name for name in run.stdout.split() if name.startswith("services.classifier.protocols.")]
    assert protocols == ["services.classifier.protocols.routes"]


def test_each_protocol_has_a_name_in_the_settings() -> None:
    assert set(ROUTES) == set(PROTOCOLS)


def test_all_protocols_are_served_unless_some_are_chosen() -> None:
    assert settings().protocols == set(PROTOCOLS)
    assert settings(GUICHET_PROTOCOLS="none").protocols == set()
    assert settings(GUICHET_PROTOCOLS="kserve,vertex").protocols == {"kserve", "vertex"}


@pytest.mark.parametrize(
    "variables",
    [
        {"GUICHET_PROTOCOLS": "kserve,none"},
        {"GUICHET_PROTOCOLS": ""},
        {"GUICHET_PROTOCOLS": "grpc"},
        {"AIP_PREDICT_ROUTE": "predict"},
        {"AIP_HEALTH_ROUTE": "/{x}"},
    ],
    ids=str,
)
def test_an_invalid_choice_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(variables))):
        settings(**variables)


def test_vertex_ai_chooses_the_port() -> None:
    assert settings(PORT="8000", AIP_HTTP_PORT="8080").port == 8080


@pytest.fixture(scope="module")
def vertex(start_service: StartService) -> Service:
    """With Vertex AI's routes alone, one of which the service has too."""
    return start_service(
        **REQUIRED, GUICHET_PROTOCOLS="vertex", AIP_HEALTH_ROUTE="/health", AIP_PREDICT_ROUTE="/predict"
    )


@pytest.mark.integration
def test_only_the_chosen_protocols_are_served(vertex: Service) -> None:
    found = {path: requests.get(f"{vertex.url}{path}", timeout=10).status_code for path in ("/health", "/v2", "/ping")}
    assert found == {"/health": 200, "/v2": 404, "/ping": 404}
    assert requests.post(f"{vertex.url}/predict", json={"instances": []}, timeout=10).json()["code"] == "json_invalid"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v2", {"name": "guichet"}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/efficientnet-lite0", {"name": "efficientnet-lite0"}),
        ("/v2/models/efficientnet-lite0/ready", {"ready": True}),
        ("/v1/models", {"models": ["efficientnet-lite0"]}),
        ("/v1/models/efficientnet-lite0", {"name": "efficientnet-lite0", "ready": True}),
        ("/ping", {"status": "Healthy"}),
    ],
)
def test_a_probe_gets_what_its_platform_expects(lite0: Service, path: str, fields: dict[str, object]) -> None:
    response = requests.get(f"{lite0.url}{path}", timeout=10)
    assert response.status_code == 200
    assert fields.items() <= response.json().items()
    assert requests.head(f"{lite0.url}{path}", timeout=10).status_code == 200


@pytest.mark.integration
def test_other_methods_are_refused_and_browsers_may_ask(lite0: Service) -> None:
    address = f"{lite0.url}/v2/models/efficientnet-lite0/infer"
    refused = requests.get(address, timeout=10)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "OPTIONS, POST")
    assert refused.json()["code"] == "method_not_allowed"
    preflight = requests.options(address, timeout=10)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"


@pytest.mark.integration
def test_torchserves_route_takes_a_file_by_put(lite0: Service, photos: list[Photo]) -> None:
    address = f"{lite0.url}/predictions/efficientnet-lite0"
    responses = [send(address, data=photos[0].data, timeout=10) for send in (requests.put, requests.post)]
    assert [response.status_code for response in responses] == [200, 200]
    assert responses[0].json() == responses[1].json()


@pytest.mark.integration
def test_errors_name_the_part_of_torchserves_form(lite0: Service) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="data"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    response = requests.post(
        f"{lite0.url}/predictions/efficientnet-lite0",
        data=head + b"AAAA\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        timeout=10,
    )
    assert response.json()["code"] == "multipart_invalid"
    assert "`data`" in response.json()["detail"]


@pytest.mark.integration
def test_requests_are_logged_with_their_route_and_code(lite0: Service) -> None:
    requests.post(f"{lite0.url}/invocations?key=secret", data=b"not an image", timeout=10)
    wait_for(lambda: "POST /invocations 415" in lite0.log.read_text(), 20, "the log line")
    (line,) = [line for line in lite0.log.read_text().splitlines() if "/invocations" in line]
    assert '"code": "image_unsupported"' in line
    assert "secret" not in line
