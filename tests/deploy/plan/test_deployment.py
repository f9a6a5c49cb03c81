"""The plan of a deployment: its steps for each difference."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from deploy.plan.container_images import BASES
from deploy.plan.steps import Plan
from deploy.report.console import command_lines
from services.catalog import CatalogError
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.state import PROJECT

pytestmark = pytest.mark.integration

KEY = "guichet-20260102-030405"
PLACE = f"projects/{PROJECT}/locations/us-central1"


def steps_of(plan: Plan) -> list[str]:
    """A line per step."""
    return [f"{step.verb} {step.what}" + (f" ({step.why})" if step.why else "") for step in plan.steps]


def test_the_plan_for_an_empty_project_has_every_step_after_its_needs(deployment: Deployment) -> None:
    deployment.write_catalog("alpha")
    plan = deployment.plan()
    assert steps_of(plan) == [
        "create APIs apigateway, apikeys, artifactregistry, cloudbuild, iam, run, secretmanager, servicecontrol",
        "create repository hw5-images",
        "create account guichet-model",
        "create account guichet-directory",
        "create account guichet-page",
        "create account guichet-gateway",
        "create image guichet-base",
        "create image guichet-base-directory",
        "create image guichet-base-page",
        "create image guichet-alpha",
        "create image guichet-directory",
        "create image guichet-page",
        "create service guichet-alpha",
        "create secret guichet-document",
        "create the list of models",
        "create service guichet-directory",
        "create api guichet",
        "create config of the gateway",
        "create gateway guichet",
        "create the API's managed service",
        "create secret guichet-key",
        f"create key {KEY}",
        f"create key {KEY} in secret guichet-key",
        "create service guichet-page",
        "check a request to 1 model",
        "create metrics, a dashboard and alerts",
    ]
    assert not deployment.cloud.writes


def test_a_plan_prints_its_commands(deployment: Deployment) -> None:
    deployment.write_catalog("alpha")
    lines = list(command_lines(deployment.plan()))
    registry, project = f"us-central1-docker.pkg.dev/{PROJECT}/hw5-images", f"--project={PROJECT}"
    build = next(line for line in lines if "guichet-alpha" in line)
    assert re.sub("[0-9a-f]{16}", "CONTENT", build) == (
        "gcloud builds submit . --async --config=cloudbuild/image.yaml"
        f" --substitutions=_BASE_IMAGE_URI={registry}/guichet-base,_APP_URI={registry}/guichet-alpha,"
        "_SERVING_PORT=8000,_TARGET_DOCKERFILE=services/Dockerfile,_MODEL_NAME=alpha,_LOCK=services/classifier.lock,"
        "_CATALOG=services/models.yaml"
        f" --gcs-source-staging-dir=gs://{PROJECT}_cloudbuild/guichet/alpha-CONTENT '--format=value(id,logUrl)'"
        f" {project}"
    )
    key = [line for line in lines if "api-keys" in line]
    assert key == [
        f"gcloud services api-keys create --key-id={KEY} --display-name=page"
        f' "--api-target=service=${{MANAGED_SERVICE}}" --no-user-output-enabled {project}',
        f"gcloud services api-keys get-key-string {KEY} '--format=value(keyString)' {project}"
        f" | gcloud secrets versions add guichet-key --data-file=- '--format=value(name.basename())' {project}",
    ]
    requests = [line for line in lines if line.startswith("curl")]
    assert requests == ['curl -H "x-api-key: $KEY" "${GATEWAY_URL}/v1/models/alpha/ready"']


def test_an_unchanged_system_plans_nothing(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.log.clear()
    assert not deployment.plan()
    assert not deployment.cloud.writes


def test_a_new_model_needs_a_build_a_service_a_config_and_an_update_of_the_gateway(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", "gamma")
    config = deployment.recorded.gateway.config
    assert steps_of(deployment.plan()) == [
        "create image guichet-gamma",
        "create service guichet-gamma",
        "change the list of models (it changed)",
        "create config of the gateway (the document changed)",
        f"change gateway guichet (its config is {config})",
        "check a request to 3 models",
    ]


def test_a_removed_model_leaves_the_gateway_before_its_service_is_deleted(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha")
    plan = deployment.plan()
    assert steps_of(plan)[-2:] == [
        "check a request to 1 model",
        "remove service guichet-beta (its model is not in the catalog)",
    ]
    assert {"gateway", "smoke test"} <= set(plan.steps[-1].needs)


@pytest.mark.parametrize(
    ("running", "planned"),
    [
        pytest.param("    memory: 1Gi\n", ["change service guichet-beta (its manifest changed)"], id="memory"),
        pytest.param("    min_instances: 2\n", ["change service guichet-beta (its manifest changed)"], id="instances"),
        pytest.param("    quota: 5\n", ["create config of the gateway (the document changed)"], id="quota"),
    ],
)
def test_how_a_model_runs_changes_its_service_or_its_route(
    deployment: Deployment, running: str, planned: list[str]
) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", beta=running)
    changed = [line for line in steps_of(deployment.plan()) if line.startswith(("change service", "create"))]
    assert changed == planned


def test_a_run_for_some_models_leaves_the_others_as_they_are(deployment: Deployment) -> None:
    deployment.models = ("alpha",)
    deployment.up()
    assert deployment.recorded.latest
    assert set(deployment.recorded.latest.models) == {"alpha"}
    (deployment.folder / "services/classifier/app.py").write_text("changed\n", encoding="utf-8")
    deployment.models = ("beta",)
    deployment.up()
    assert deployment.recorded.latest
    assert set(deployment.recorded.latest.models) == {"alpha", "beta"}
    assert not deployment.plan()
    deployment.models = ()
    assert [line for line in steps_of(deployment.plan()) if "image" in line and line.startswith("change image")] == [
        "change image guichet-alpha (its content changed)"
    ]


def test_an_unknown_model_is_named(deployment: Deployment) -> None:
    deployment.models = ("alpha", "omega")
    with pytest.raises(CatalogError, match="has no model 'omega'; it has alpha, beta"):
        deployment.plan()


def test_changes_from_outside_are_reverted(deployment: Deployment) -> None:
    deployment.first_up()
    service = deployment.cloud.resources[f"{PLACE}/services/guichet-alpha"]
    service["metadata"]["generation"] += 1
    assert steps_of(deployment.plan())[0] == "change service guichet-alpha (changed outside of this tool)"
    deployment.up()
    assert not deployment.plan()


def test_a_deleted_service_is_created_again_and_the_gateway_keeps_its_config(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.remove(f"{PLACE}/services/guichet-alpha")
    deployment.up()
    assert not deployment.plan()
    assert len([name for name in deployment.cloud.resources if "/configs/" in name]) == 1


def test_an_image_that_is_known_by_its_build_or_its_service_alone_is_not_built_again(deployment: Deployment) -> None:
    deployment.first_up()
    (deployment.folder / "deliverables.yaml").unlink()
    plan = deployment.plan()
    assert not [step for step in plan.steps if step.id.startswith("build")]
    assert any("guichet-alpha existed before" in remark for remark in plan.remarks)
    deployment.up()
    assert not deployment.plan()


def test_without_its_repository_every_image_is_built_again(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.remove(f"{PLACE}/repositories/hw5-images")
    assert [step.id for step in deployment.plan().steps if step.id.startswith("build")] == [
        *(f"build {base}" for base in BASES),
        "build alpha",
        "build beta",
        "build directory",
        "build page",
    ]


def test_an_existing_image_can_be_rebuilt(deployment: Deployment) -> None:
    deployment.first_up()
    plan = deployment.plan(frozenset(["alpha"]))
    assert [step.id for step in plan.steps] == ["build alpha", "service guichet-alpha", "smoke test"]


def test_an_unrestricted_key_is_not_used(deployment: Deployment) -> None:
    name = f"projects/{PROJECT}/locations/global/keys/guichet-other"
    deployment.cloud.enable("apikeys.googleapis.com")
    deployment.cloud.resources[name] = {"name": name, "restrictions": {}, "keyString": "AIza"}
    deployment.up()
    assert deployment.recorded.gateway.key == KEY


def test_a_deleted_key_is_replaced(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.resources[f"projects/{PROJECT}/locations/global/keys/{KEY}"]["deleteTime"] = "2026-01-01"
    deployment.now += timedelta(days=1)
    assert steps_of(deployment.plan()) == [
        "create key guichet-20260103-030405",
        "create key guichet-20260103-030405 in secret guichet-key",
        "change service guichet-page (the API key changed)",
        "check a request to 2 models",
    ]
    deployment.up()
    assert not deployment.plan()


def test_a_secret_whose_newest_version_cannot_be_read_gets_another(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.resources[f"projects/{PROJECT}/secrets/guichet-key/versions/1"]["state"] = "DISABLED"
    assert steps_of(deployment.plan())[0] == f"create key {KEY} in secret guichet-key"
    deployment.up()
    assert not deployment.plan()


def test_planning_needs_a_fixed_number_of_requests(deployment: Deployment) -> None:
    deployment.first_up()
    assert isinstance(deployment.run, FakeGcloud)
    deployment.run.commands.clear()
    deployment.plan()
    assert sorted(" ".join(command[1:4]) for command in deployment.run.commands) == [
        "artifacts repositories list",
        "iam service-accounts list",
        "run services list",
        "secrets list --project=guichet-test",
        "secrets versions list",
        "secrets versions list",
        "services api-keys list",
        "services list --enabled",
    ]
