"""The Cloud Run manifests."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud.annotations import CONTENT, MANIFEST
from deploy.errors import SettingsError
from deploy.plan import cloud_run_manifests
from deploy.settings import DeploySettings
from services.catalog import Model, load_catalog
from tests.deploy.deployment_fixture import DEFAULTS, ENTRY

SETTINGS = DeploySettings("my-project")
IMAGE = "us-central1-docker.pkg.dev/my-project/hw5-images/guichet-alpha:b1@sha256:" + "a" * 64


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model that differs from the defaults in every field of a manifest."""
    running = {"cpu": 2, "memory": "1Gi", "concurrency": 6, "min_instances": 1, "max_instances": 9, "deadline": 45.5}
    fields = "".join(f"    {key}: {value}\n" for key, value in running.items())
    path = tmp_path / "models.yaml"
    path.write_text(DEFAULTS + ENTRY.format(name="alpha", sha256="a" * 64) + fields, encoding="utf-8")
    return load_catalog(path)["alpha"]


def test_a_models_manifest_follows_from_its_entry(model: Model) -> None:
    assert cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS) == {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "guichet-alpha",
            "labels": {"managed-by": "guichet"},
            "annotations": {"run.googleapis.com/ingress": "all"},
        },
        "spec": {
            "template": {
                "metadata": {
                    "labels": {"managed-by": "guichet"},
                    "annotations": {
                        "autoscaling.knative.dev/minScale": "1",
                        "autoscaling.knative.dev/maxScale": "9",
                        "run.googleapis.com/startup-cpu-boost": "true",
                    },
                },
                "spec": {
                    "serviceAccountName": "guichet-model@my-project.iam.gserviceaccount.com",
                    "containerConcurrency": 6,
                    "timeoutSeconds": 46,
                    "containers": [
                        {
                            "image": IMAGE,
                            "ports": [{"name": "http1", "containerPort": 8000}],
                            "env": [{"name": key, "value": value} for key, value in model.environment.items()],
                            "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
                            "startupProbe": {
                                "httpGet": {"path": "/ready", "port": 8000},
                                "periodSeconds": 1,
                                "timeoutSeconds": 1,
                                "failureThreshold": 240,
                            },
                        }
                    ],
                },
            },
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }


@pytest.mark.parametrize(
    ("cpu", "memory", "said"),
    [
        pytest.param(1, "8Gi", "0.125 to 4 GiB, not 8Gi", id="too much"),
        pytest.param(4, "512Mi", "2 to 16 GiB, not 512Mi", id="too little"),
    ],
)
def test_a_size_that_cloud_run_does_not_offer_is_an_error(model: Model, cpu: int, memory: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        cloud_run_manifests.model_manifest(model.model_copy(update={"cpu": cpu, "memory": memory}), IMAGE, SETTINGS)


def test_labels_are_valid_on_cloud_run(model: Model) -> None:
    for labels in (
        cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS)["metadata"]["labels"],
        cloud_run_manifests.LABELS,
    ):
        for key, value in labels.items():
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
            assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


def test_a_model_gets_the_contact_that_was_set(model: Model) -> None:
    for contact, expected in (
        ("", []),
        ("bot@shop.example", [{"name": "GUICHET_CONTACT", "value": "bot@shop.example"}]),
    ):
        manifest = cloud_run_manifests.model_manifest(model, IMAGE, replace(SETTINGS, contact=contact))
        assert [item for item in pod(manifest)[0]["env"] if item["name"] == "GUICHET_CONTACT"] == expected


def test_the_page_reads_the_key_from_a_mounted_file() -> None:
    container, spec = pod(cloud_run_manifests.page_manifest(IMAGE, "https://gateway", "guichet-1", SETTINGS))
    environment = {item["name"]: item["value"] for item in container["env"]}
    assert environment["API_GATEWAY"] == "https://gateway"
    assert environment["API_KEY_FILE"] == "/etc/guichet/key/api-key"
    assert container["volumeMounts"] == [{"name": "key", "mountPath": "/etc/guichet/key", "readOnly": True}]
    assert spec["volumes"] == [
        {"name": "key", "secret": {"secretName": "guichet-key", "items": [{"key": "latest", "path": "api-key"}]}}
    ]
    assert spec["serviceAccountName"] == "guichet-page@my-project.iam.gserviceaccount.com"


def test_the_page_offers_no_samples_if_the_models_do_not_know_them() -> None:
    for samples, expected in ((True, []), (False, [{"name": "SAMPLES", "value": "none"}])):
        manifest = cloud_run_manifests.page_manifest(IMAGE, "https://gateway", "guichet-1", SETTINGS, samples=samples)
        assert [item for item in pod(manifest)[0]["env"] if item["name"] == "SAMPLES"] == expected


def test_browsers_keep_their_connection_and_reconnect_to_the_same_instance() -> None:
    manifest = cloud_run_manifests.page_manifest(IMAGE, "https://gateway", "guichet-1", SETTINGS)
    template = manifest["spec"]["template"]
    assert template["spec"]["timeoutSeconds"] == 3600
    assert template["metadata"]["annotations"]["run.googleapis.com/sessionAffinity"] == "true"
    container, _ = pod(manifest)
    assert {"name": "HOST", "value": "0.0.0.0"} in container["env"]  # a container's own


def test_the_directory_reads_its_document_from_a_mounted_file() -> None:
    container, spec = pod(cloud_run_manifests.directory_manifest(IMAGE, SETTINGS))
    assert container["env"] == [{"name": "GUICHET_DOCUMENT", "value": "/etc/guichet/document/openapi.json.gz.b64"}]
    assert spec["volumes"][0]["secret"]["secretName"] == "guichet-document"


def test_only_annotations_are_specific_to_google(model: Model) -> None:
    whole = [
        cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS),
        cloud_run_manifests.directory_manifest(IMAGE, SETTINGS),
        cloud_run_manifests.page_manifest(IMAGE, "https://gateway", "guichet-1", SETTINGS),
    ]
    for manifest in whole:
        del manifest["metadata"]["annotations"]
        del manifest["spec"]["template"]["metadata"]["annotations"]
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            del container["image"]
        del manifest["spec"]["template"]["spec"]["serviceAccountName"]
        assert "google" not in str(manifest)


def test_the_manifests_hash_excludes_the_image(model: Model) -> None:
    def stamp(manifest: cloud_run_manifests.Manifest, content: str) -> tuple[str, str]:
        notes = cloud_run_manifests.stamped(manifest, content)["metadata"]["annotations"]
        return notes[MANIFEST], notes[CONTENT]

    manifest = cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS)
    same = cloud_run_manifests.model_manifest(model, IMAGE.replace("b1", "b2"), SETTINGS)
    other = cloud_run_manifests.model_manifest(model.model_copy(update={"cpu": 1}), IMAGE, SETTINGS)
    assert stamp(manifest, "c1") == stamp(same, "c1")
    assert stamp(manifest, "c1")[0] == stamp(manifest, "c2")[0]
    assert stamp(manifest, "c1")[0] != stamp(other, "c1")[0]


def test_another_attempt_changes_the_template(model: Model) -> None:
    manifest = cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS)
    first, second = cloud_run_manifests.stamped(manifest, "c"), cloud_run_manifests.stamped(manifest, "c", 2)
    assert first["spec"]["template"] == manifest["spec"]["template"]
    assert second["spec"]["template"] != manifest["spec"]["template"]
    assert first["metadata"] == second["metadata"]


def pod(manifest: cloud_run_manifests.Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    spec = manifest["spec"]["template"]["spec"]
    return spec["containers"][0], spec
