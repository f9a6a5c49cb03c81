"""Manifests, build files, enums and requests against Google's own descriptions of its APIs.

Requests and responses are checked in every test that uses the fake cloud (see `fake_google_cloud/server.py`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
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
# The values of annotations; of the others, a boolean or a number.
INGRESS = {"INGRESS_TRAFFIC_ALL": "all", "INGRESS_TRAFFIC_INTERNAL_ONLY": "internal"}
VALUES = {
    "run.googleapis.com/ingress": {
        INGRESS[value] for value in enum("run-v2", "GoogleCloudRunV2Service", "ingress") & INGRESS.keys()
    },
    "run.googleapis.com/launch-stage": enum("run-v2", "GoogleCloudRunV2Service", "launchStage"),
}
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMG]i?)?")


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
    """Wrong fields and values, and annotations of Google's that it does not list for this kind of resource."""
    known = document("run")["schemas"]["ObjectMeta"]["properties"]["annotations"]["description"]
    listed = dict(re.findall(r"\* `([\w./-]+)`: ([\w, ]+)", known))
    found = mistakes("run", "Service", manifest)
    template = manifest.get("spec", {}).get("template", {})
    for kind, resource in (("Service", manifest), ("Revision", template)):
        for name, value in resource.get("metadata", {}).get("annotations", {}).items():
            if name.startswith(OURS):
                continue
            if name != PREVIEW and kind not in listed.get(name, ""):
                found.append(f"{name} is not an annotation of a {kind}")
            if not (value in VALUES[name] if name in VALUES else re.fullmatch(r"true|false|\d+", value)):
                found.append(f"{name} cannot be {value!r}")
    for container in template.get("spec", {}).get("containers", []):
        limits = container.get("resources", {}).get("limits", {})
        found += [f"{name} cannot be {value!r}" for name, value in limits.items() if not QUANTITY.fullmatch(value)]
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


Mutant = tuple[str, dict[str, Any]]


def misspelt(resource: dict[str, Any]) -> Iterator[Mutant]:
    """Copies of the resource, each with one misspelt field, and its place."""
    for place in places(resource):
        if not FREE.search("/".join(map(str, place))):
            mutant = copy.deepcopy(resource)
            node = parent(mutant, place)
            node[f"{place[-1]}x"] = node.pop(place[-1])
            yield "/".join(map(str, place)), mutant


def places(node: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the fields are."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        if isinstance(node, dict):
            yield (*above, key)
        yield from places(child, (*above, key))


def parent(node: Any, place: tuple[str | int, ...]) -> Any:
    """What contains a place."""
    for part in place[:-1]:
        node = node[part]
    return node


# Names that are ours: annotations, labels and substitutions.
FREE = re.compile(r"annotations/guichet/|labels/|substitutions/")
# The places of values of which Google lists all that are possible, or their form.
ENUMS = (
    "apiVersion",
    "kind",
    "metadata/annotations/run.googleapis.com/ingress",
    "metadata/annotations/run.googleapis.com/launch-stage",
    "metadata/annotations/run.googleapis.com/iap-enabled",
    "spec/template/metadata/annotations/autoscaling.knative.dev/maxScale",
    "spec/template/metadata/annotations/run.googleapis.com/startup-cpu-boost",
    "spec/template/spec/containers/0/ports/0/name",
    "spec/template/spec/containers/0/resources/limits/cpu",
    "spec/template/spec/containers/0/resources/limits/memory",
    "spec/traffic/0/latestRevision",
    "spec/template/spec/containerConcurrency",
)


@pytest.mark.parametrize("name", manifests())
def test_every_misspelt_field_of_a_manifest_is_found(name: str) -> None:
    mutants = dict(misspelt(manifests()[name]))
    assert len(mutants) > 40
    assert [place for place, mutant in mutants.items() if not manifest_mistakes(mutant)] == []


@pytest.mark.parametrize("place", ENUMS)
def test_every_misspelt_value_of_a_manifest_is_found(place: str) -> None:
    manifest = manifests()["page, iap"]
    (where,) = (found for found in places(manifest) if "/".join(map(str, found)) == place)
    node = parent(manifest, where)
    node[where[-1]] = f"{node[where[-1]]}x"
    assert manifest_mistakes(manifest)


@pytest.mark.parametrize("path", build_files(), ids=lambda path: path.name)
def test_every_misspelt_field_of_a_build_file_is_found(path: Path) -> None:
    mutants = dict(misspelt(read(path)))
    assert len(mutants) > 10
    assert [place for place, mutant in mutants.items() if not mistakes("cloudbuild", "Build", mutant)] == []


@pytest.mark.parametrize(
    "changes", [{"options": {"logging": "CLOUD_LOGGING"}}, {"timeout": "20m"}, {"timeout": "1800"}], ids=str
)
@pytest.mark.parametrize("path", build_files(), ids=lambda path: path.name)
def test_a_misspelt_value_of_a_build_file_is_found(path: Path, changes: dict[str, Any]) -> None:
    assert mistakes("cloudbuild", "Build", read(path) | changes)


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
