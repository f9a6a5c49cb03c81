"""Manifests, build files, enums and requests against Google's own descriptions of its APIs.

Requests and responses are checked in every test that uses the fake cloud (see `fake_google_cloud/server.py`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import apigateway_v1
from google.cloud.devtools import cloudbuild_v1
from ruamel.yaml import YAML

from benchmarks.harness.process import ROOT
from deploy.cloud import states
from deploy.plan.cloud_run_manifests import (
    PAGE_ACCESS,
    directory_manifest,
    model_manifest,
    page_manifest,
    staged,
    stamped,
)
from deploy.settings import APIS, DeploySettings
from services.catalog import load_catalog
from tests.deploy.gcloud_parser import sdk
from tests.deploy.google_apis import VERSIONS, document, enum, exchange_mistakes, mistakes

SETTINGS = DeploySettings("my-project")
IMAGE = "us-central1-docker.pkg.dev/my-project/hw5-images/x@sha256:" + "0" * 64
OURS = "guichet/"
# An annotation of a preview, which the discovery document does not list yet; gcloud's own source does.
PREVIEW = "run.googleapis.com/iap-enabled"


def manifests() -> dict[str, dict[str, Any]]:
    """Every kind of manifest that a deployment writes."""
    found = {model.name: model_manifest(model, IMAGE, SETTINGS) for model in load_catalog()}
    found["directory"] = directory_manifest(IMAGE, SETTINGS)
    for access in PAGE_ACCESS:
        settings = DeploySettings("my-project", page_access=access)
        found[f"page, {access}"] = page_manifest(IMAGE, "https://gateway", "guichet-1", settings)
    found = {name: stamped(manifest, "0" * 16, attempt=2) for name, manifest in found.items()}
    found["staged"] = staged(found["directory"], "guichet-directory-00001-abc")
    return found


def manifest_mistakes(manifest: dict[str, Any]) -> list[str]:
    """Wrong fields, and annotations of Google's that it does not list for this kind of resource."""
    known = document("run")["schemas"]["ObjectMeta"]["properties"]["annotations"]["description"]
    listed = dict(re.findall(r"\* `([\w./-]+)`: ([\w, ]+)", known))
    found = mistakes("run", "Service", manifest)
    for kind, meta in (("Service", manifest["metadata"]), ("Revision", manifest["spec"]["template"]["metadata"])):
        for name in meta.get("annotations", {}):
            if not name.startswith(OURS) and name != PREVIEW and kind not in listed.get(name, ""):
                found.append(f"{name} is not an annotation of a {kind}")
    return found


def build_files() -> list[Path]:
    return sorted((ROOT / "cloudbuild").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return found


@pytest.mark.parametrize("name", manifests())
def test_a_manifest_has_only_fields_and_annotations_of_googles(name: str) -> None:
    assert manifest_mistakes(manifests()[name]) == []


@pytest.mark.parametrize("path", build_files(), ids=lambda path: path.name)
def test_a_build_file_has_only_fields_of_googles(path: Path) -> None:
    assert mistakes("cloudbuild", "Build", read(path)) == []


def test_the_preview_annotation_is_gclouds() -> None:
    folder = sdk()
    if folder is None:
        pytest.skip("gcloud is not installed")
    source = (folder / "lib/googlecloudsdk/api_lib/run/service.py").read_text(encoding="utf-8")
    assert f"'{PREVIEW}'" in source


def test_the_apis_that_are_enabled_exist() -> None:
    described = {f"{api}.googleapis.com" for api in VERSIONS}
    # Endpoints' own, which API Gateway needs; no command calls them.
    assert set(APIS) - described == {"servicecontrol.googleapis.com", "servicemanagement.googleapis.com"}


@pytest.mark.parametrize(
    ("google", "ours"),
    [
        pytest.param(
            enum("apigateway", schema, "state"),
            {*states.CHANGING, states.ACTIVE, states.FAILED} - ({"ACTIVATING"} - enum("apigateway", schema, "state")),
            id=schema,
        )
        for schema in ("ApigatewayApi", "ApigatewayApiConfig", "ApigatewayGateway")
    ]
    + [
        pytest.param(
            enum("cloudbuild", "Build", "status"), {*states.BUILDING, states.BUILT, *states.NOT_BUILT}, id="Build"
        ),
        pytest.param(
            enum("secretmanager", "SecretVersion", "state"), {states.ENABLED, *states.UNREADABLE}, id="SecretVersion"
        ),
        pytest.param(
            enum("cloudresourcemanager", "Project", "lifecycleState"),
            {states.ACTIVE, *states.DELETED_PROJECT},
            id="Project",
        ),
    ],
)
def test_every_state_that_google_reports_is_known(google: set[str], ours: set[str]) -> None:
    assert ours == google


def test_the_client_libraries_have_the_same_states() -> None:
    configs = set(apigateway_v1.ApiConfig.State.__members__) - {"STATE_UNSPECIFIED"}
    assert configs == {*states.CHANGING, states.ACTIVE, states.FAILED}
    builds = set(cloudbuild_v1.Build.Status.__members__) - {"STATUS_UNKNOWN"}
    assert builds == {*states.BUILDING, states.BUILT, *states.NOT_BUILT}
    assert states.DOCKER in enum("artifactregistry", "Repository", "format")


def renamed(key: str, other: str) -> Callable[[dict[str, Any]], None]:
    """A mutation: a field, wherever it is, gets another name."""

    def change(node: Any) -> None:
        for child in list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []:
            change(child)
        if isinstance(node, dict) and key in node:
            node[other] = node.pop(key)

    return change


def set_to(value: Any, *place: Any) -> Callable[[dict[str, Any]], None]:
    """A mutation: another value at a place."""

    def change(node: Any) -> None:
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = value

    return change


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(renamed("containerConcurrency", "containerConcurency"), id="a field of the revision"),
        pytest.param(renamed("secretName", "secret_name"), id="a field of a volume"),
        pytest.param(renamed("httpGet", "httpget"), id="a field of the probe"),
        pytest.param(renamed("latestRevision", "latest"), id="a field of the traffic"),
        pytest.param(renamed("autoscaling.knative.dev/minScale", "autoscaling.knative.dev/min"), id="an annotation"),
        pytest.param(renamed("run.googleapis.com/ingress", "run.googleapis.com/ingres"), id="one of the service"),
        pytest.param(set_to("80", "spec", "template", "spec", "containerConcurrency", "x"), id="a type"),
        pytest.param(set_to("yes", "spec", "traffic", 0, "latestRevision"), id="a boolean"),
    ],
)
def test_a_misspelt_manifest_is_found(mutation: Callable[[dict[str, Any]], None]) -> None:
    manifest = copy.deepcopy(manifests()["directory"])
    assert not manifest_mistakes(manifest)
    try:
        mutation(manifest)
    except TypeError:
        manifest["spec"]["template"]["spec"]["containerConcurrency"] = {"x": "80"}
    assert manifest_mistakes(manifest)


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(renamed("allowFailure", "allowFailures"), id="a field of a step"),
        pytest.param(renamed("timeout", "timeOut"), id="a field of the build"),
        pytest.param(set_to({"logging": "CLOUD_LOGGING"}, "options"), id="an enum"),
    ],
)
@pytest.mark.parametrize("path", build_files(), ids=lambda path: path.name)
def test_a_misspelt_build_file_is_found(path: Path, mutation: Callable[[dict[str, Any]], None]) -> None:
    build = read(path)
    mutation(build)
    assert mistakes("cloudbuild", "Build", build)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "response"),
    [
        pytest.param("GET", "/v1/projects/p/location", {}, None, None, id="a path"),
        pytest.param("PUT", "/v1/projects/p/locations/global/apis", {}, None, None, id="a method"),
        pytest.param("POST", "/v1/projects/p/locations/global/apis", {"apiID": "x"}, {}, None, id="a parameter"),
        pytest.param("POST", "/v1/projects/p/secrets", {}, {"replications": {}}, None, id="a field of a request"),
        pytest.param(
            "GET",
            "/v1/projects/p/locations/global/apis/a/configs",
            {},
            None,
            {"apiConfigs": [{"state": "ACTIVATED"}]},
            id="an enum of a response",
        ),
    ],
)
def test_a_misspelt_request_is_found(method: str, path: str, query: dict[str, str], body: Any, response: Any) -> None:
    assert exchange_mistakes(method, path, query, body, response)
