"""The product's own document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from gateway.check import checked
from gateway.document import parse_document
from gateway.envoy.bootstrap import bootstrap, resources
from gateway.local import Local, nobody
from gateway.routes import Translation, read_api
from gateway.rules import problems
from gateway.spec import AddressError, as_yaml, openapi_document, public_document
from services.catalog import load_catalog
from tests.running import ROOT

CATALOG = load_catalog()
ADDRESSES = {model.name: f"https://{model.service}-x.a.run.app" for model in CATALOG}
DIRECTORY = "https://guichet-directory-x.a.run.app"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return openapi_document(CATALOG, ADDRESSES, DIRECTORY)


@pytest.mark.parametrize("public", [False, True], ids=["for-the-gateway", "for-everyone"])
def test_the_document_is_valid_openapi(whole: dict[str, Any], public: bool) -> None:
    found = public_document(whole) if public else whole
    assert list(OpenAPIV2SpecValidator(found).iter_errors()) == []


def test_google_would_find_nothing_to_say_about_it(whole: dict[str, Any]) -> None:
    assert problems(whole) == []


def test_every_model_has_its_own_literal_routes(whole: dict[str, Any]) -> None:
    routes = {(route.method, route.template.text): route for route in read_api(whole).routes}
    assert not [text for _, text in routes if "{" in text]
    for model in CATALOG:
        service = ADDRESSES[model.name]
        for method, ending, path in (
            ("GET", "", "/model"),
            ("GET", "/ready", "/ready"),
            ("POST", "/predict", "/predict"),
        ):
            route = routes[method, f"{model.route}{ending}"]
            assert str(route.backend.origin) == f"{service}:443"
            assert (route.backend.path, route.backend.translation) == (path, Translation.CONSTANT)
            assert route.backend.deadline_ms == model.deadline * 1000
            # Cloud Run takes tokens for the service's root URL only.
            assert route.backend.audience == service
            assert route.needs_key
        predict = routes["POST", f"{model.route}/predict"]
        assert predict.costs == ((f"predict-{model.name}", 1),)
    assert {limit.metric: limit.per_minute for limit in read_api(whole).limits} == {
        f"predict-{model.name}": model.quota for model in CATALOG
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v1/openapi.json", "/docs"])
def test_the_directory_describes_the_api_without_a_key(whole: dict[str, Any], path: str) -> None:
    routes = {(route.method, route.template.text): route for route in read_api(whole).routes}
    route = routes["GET", path]
    assert (str(route.backend.origin), route.backend.path) == (f"{DIRECTORY}:443", path)
    assert route.backend.audience == DIRECTORY
    assert route.needs_key == (path == "/v1/models")


def test_browsers_may_ask_before_every_call_without_a_key(whole: dict[str, Any]) -> None:
    routes = {(route.method, route.template.text): route for route in read_api(whole).routes}
    for (method, path), route in routes.items():
        if method in ("GET", "POST") and path != "/docs":
            preflight = routes["OPTIONS", path]
            assert not preflight.needs_key
            assert preflight.backend == route.backend


def test_everything_is_described(whole: dict[str, Any]) -> None:
    seen: set[str] = set()
    tags = {tag["name"] for tag in whole["tags"]}
    for item in whole["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
            assert set(operation["tags"]) <= tags
            assert operation["operationId"].isidentifier()
            seen.add(operation["operationId"])
    assert len(seen) == sum(len(item) for item in whole["paths"].values())
    text = json.dumps(whole)
    assert not [word for word in ("{name}", "{id}", "{title}", "{service}", "{directory}", "{limits}") if word in text]


def test_the_public_document_says_nothing_of_what_is_behind(whole: dict[str, Any]) -> None:
    text = json.dumps(public_document(whole))
    assert "x-google" not in text
    assert "run.app" not in text
    assert "/v1/models/resnet18/predict" in text


def test_a_model_without_a_quota_has_none() -> None:
    model = CATALOG["resnet18"].model_copy(update={"quota": None})
    found = openapi_document([model], {"resnet18": "http://127.0.0.1:1"}, "http://127.0.0.1:2")
    assert "x-google-management" not in found
    assert "x-google-quota" not in found["paths"]["/v1/models/resnet18/predict"]["post"]
    assert problems(found) == []


def test_the_document_survives_yaml(whole: dict[str, Any]) -> None:
    text = as_yaml(whole)
    assert parse_document(text).data == json.loads(json.dumps(whole))
    assert "&id" not in text
    assert "description: |\n" in text


@pytest.mark.parametrize(
    ("addresses", "directory", "word"),
    [
        pytest.param({}, DIRECTORY, "resnet18 has no address", id="missing"),
        pytest.param({"resnet18": "https://x.test/predict"}, DIRECTORY, "the address of resnet18", id="with-a-path"),
        pytest.param({"resnet18": "x.test"}, DIRECTORY, "the address of resnet18", id="no-url"),
        pytest.param({"resnet18": "https://x.test"}, "", "the address of the directory", id="no-directory"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(addresses: dict[str, str], directory: str, word: str) -> None:
    with pytest.raises(AddressError, match=word):
        openapi_document([CATALOG["resnet18"]], addresses, directory)


def test_it_becomes_a_bootstrap(whole: dict[str, Any]) -> None:
    api = read_api(whole)
    tokens = {route.backend.audience: "token" for route in api.routes if route.backend.audience}
    made = bootstrap(resources(api, Local(8080, nobody(), id_tokens=tokens)))
    assert len(made["static_resources"]["clusters"]) == len(CATALOG) + 1


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "render", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["api.yaml", "api.json"])
def test_render_writes_a_document_that_checks(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run = cli("--address=resnet18=https://r.test", f"--directory={DIRECTORY}", f"--output={path}")
    assert run.returncode == 0, run.stderr
    found = checked(path, with_schema=True)
    assert found.problems == ()
    assert "/v1/models/resnet18/predict" in found.document.data["paths"]
    assert path.read_text().startswith("{") == (name == "api.json")


def test_render_prints_yaml_the_public_document_or_the_bootstrap() -> None:
    common = ("--address=resnet18=https://r.test", f"--directory={DIRECTORY}")
    assert "x-google-backend" in cli(*common).stdout
    assert "x-google-backend" not in cli(*common, "--public").stdout
    assert "static_resources" in json.loads(cli(*common, "--bootstrap").stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--address=nope=https://x.test",), "has no model 'nope'", id="unknown-model"),
        pytest.param(("--models=resnet18", f"--directory={DIRECTORY}"), "resnet18 has no address", id="no-address"),
        pytest.param(("--address=resnet18=https://x.test",), "the address of the directory", id="no-directory"),
        pytest.param(("--address=resnet18",), "should be NAME=URL", id="no-url"),
    ],
)
def test_render_says_what_it_lacks(arguments: tuple[str, ...], message: str) -> None:
    run = cli(*arguments)
    assert run.returncode in (1, 2)
    assert message in run.stderr
    assert "Traceback" not in run.stderr
