"""The product's own document."""

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from gateway.api import Operation, PathTranslation, read_api
from gateway.api_keys import no_keys
from gateway.document.parse import parse_document
from gateway.envoy.bootstrap import bootstrap, resources
from gateway.product.openapi_document import AddressError, as_yaml, openapi_document, public_document
from gateway.rules import diagnostics
from gateway.runtime import Runtime
from services.catalog import load_catalog
from tests.hostile_documents import HOSTILE_TITLES

CATALOG = load_catalog()
ADDRESSES = {model.name: f"https://{model.service}-x.a.run.app" for model in CATALOG}
DIRECTORY = "https://guichet-directory-x.a.run.app"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return openapi_document(CATALOG, ADDRESSES, DIRECTORY)


@pytest.mark.parametrize("public", [False, True], ids=["for-the-gateway", "public"])
def test_the_document_is_valid_openapi(whole: dict[str, Any], public: bool) -> None:
    found = public_document(whole) if public else whole
    assert list(OpenAPIV2SpecValidator(found).iter_errors()) == []


def test_the_document_has_no_diagnostics(whole: dict[str, Any]) -> None:
    assert diagnostics(whole) == []


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_a_title_is_shown_as_it_is(title: str) -> None:
    model = CATALOG["resnet18"].model_copy(update={"title": title})
    document = json.dumps(public_document(openapi_document([model], ADDRESSES, DIRECTORY)))
    assert json.dumps(title)[1:-1] in document
    assert "a.run.app" not in document


def by_method_and_path(document: dict[str, Any]) -> dict[tuple[str, str], Operation]:
    return {(operation.method, operation.template.text): operation for operation in read_api(document).operations}


def test_every_model_has_its_own_literal_paths(whole: dict[str, Any]) -> None:
    operations = by_method_and_path(whole)
    assert not [path for _, path in operations if "{" in path]
    for model in CATALOG:
        service = ADDRESSES[model.name]
        for method, suffix, path in (
            ("GET", "", "/model"),
            ("GET", "/ready", "/ready"),
            ("POST", "/predict", "/predict"),
        ):
            operation = operations[method, f"{model.route}{suffix}"]
            assert operation.needs_key
            backend = operation.backend
            assert str(backend.origin) == f"{service}:443"
            assert (backend.path, backend.translation) == (path, PathTranslation.CONSTANT)
            assert backend.deadline_ms == model.deadline * 1000
            # Cloud Run accepts only tokens for the service's root URL.
            assert backend.audience == service
        for path in (f"{model.route}/predict", f"{model.route}:predict", f"/v2/models/{model.name}/infer"):
            predict = operations["POST", path]
            assert predict.needs_key
            assert predict.costs == ((f"predict-{model.name}", 1),)
            assert predict.backend.deadline_ms == model.deadline * 1000
    assert {limit.metric: limit.per_minute for limit in read_api(whole).limits} == {
        f"predict-{model.name}": model.quota for model in CATALOG
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v1/openapi.json", "/docs"])
def test_the_directory_describes_the_api_without_a_key(whole: dict[str, Any], path: str) -> None:
    operation = by_method_and_path(whole)["GET", path]
    assert (str(operation.backend.origin), operation.backend.path) == (f"{DIRECTORY}:443", path)
    assert operation.backend.audience == DIRECTORY
    assert operation.needs_key == (path == "/v1/models")


def test_cors_preflight_requests_need_no_key(whole: dict[str, Any]) -> None:
    operations = by_method_and_path(whole)
    for (method, path), operation in operations.items():
        if method in ("GET", "POST") and path != "/docs":
            preflight = operations["OPTIONS", path]
            assert not preflight.needs_key
            assert preflight.backend == operation.backend


def test_every_operation_is_described_and_has_a_unique_id(whole: dict[str, Any]) -> None:
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
    assert not [name for name in ("name", "id", "title", "service", "directory", "limits") if f"{{{name}}}" in text]


def test_the_public_document_has_no_addresses_of_backends(whole: dict[str, Any]) -> None:
    text = json.dumps(public_document(whole))
    assert "x-google" not in text
    assert "run.app" not in text
    assert "/v1/models/resnet18/predict" in text


def test_a_model_without_a_quota_has_none() -> None:
    model = CATALOG["resnet18"].model_copy(update={"quota": None})
    found = openapi_document([model], {"resnet18": "http://127.0.0.1:1"}, "http://127.0.0.1:2")
    assert "x-google-management" not in found
    assert "x-google-quota" not in found["paths"]["/v1/models/resnet18/predict"]["post"]
    assert diagnostics(found) == []


def test_the_document_can_be_written_as_yaml_and_read_again(whole: dict[str, Any]) -> None:
    text = as_yaml(whole)
    assert parse_document(text).data == json.loads(json.dumps(whole))
    assert "&id" not in text
    assert "description: |\n" in text


@pytest.mark.parametrize(
    ("addresses", "directory", "service"),
    [
        pytest.param({}, DIRECTORY, "resnet18", id="missing"),
        pytest.param({"resnet18": "https://x.test/predict"}, DIRECTORY, "resnet18", id="with-a-path"),
        pytest.param({"resnet18": "x.test"}, DIRECTORY, "resnet18", id="not-a-url"),
        pytest.param({"resnet18": "https://x.test"}, "", "the directory", id="no-directory"),
    ],
)
def test_the_error_about_an_invalid_address_names_the_service(
    addresses: dict[str, str], directory: str, service: str
) -> None:
    with pytest.raises(AddressError, match=service):
        openapi_document([CATALOG["resnet18"]], addresses, directory)


def test_it_becomes_a_bootstrap(whole: dict[str, Any]) -> None:
    api = read_api(whole)
    tokens = {audience: "token" for operation in api.operations if (audience := operation.backend.audience)}
    made = bootstrap(resources(api, Runtime(8080, no_keys(), id_tokens=tokens)))
    assert len(made["static_resources"]["clusters"]) == len(CATALOG) + 1
