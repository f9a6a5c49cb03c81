"""The plan: what it says for which difference, and that nobody gets a right that is not needed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from deploy.console import command_lines
from deploy.steps import Command, Plan
from services.catalog import CatalogError
from tests.deploy.cloud.state import PROJECT
from tests.deploy.stand_in import StandIn
from tests.deploy.world import World
from tests.running import ROOT

KEY = "guichet-20260102-030405"
PLACE = f"projects/{PROJECT}/locations/us-central1"


def said(plan: Plan) -> list[str]:
    """A line per step, as a person reads them."""
    return [f"{step.verb} {step.what}" + (f" ({step.why})" if step.why else "") for step in plan.steps]


def test_a_plan_for_an_empty_project_says_everything_in_a_possible_order(world: World) -> None:
    world.write_catalog("alpha")
    plan = world.plan()
    assert said(plan) == [
        "create APIs apigateway, apikeys, artifactregistry, cloudbuild, iam, run, secretmanager, servicecontrol",
        "create repository hw5-images",
        "create account guichet-model",
        "create account guichet-directory",
        "create account guichet-page",
        "create account guichet-gateway",
        "create image guichet-alpha",
        "create image guichet-directory",
        "create image guichet-page",
        "create service guichet-alpha",
        "create secret guichet-document",
        "create what the directory lists",
        "create service guichet-directory",
        "create api guichet",
        "create config of the gateway",
        "create gateway guichet",
        "create the API's managed service",
        "create secret guichet-key",
        f"create key {KEY}",
        f"create key {KEY} in secret guichet-key",
        "create service guichet-page",
        "check a first request to 1 model",
    ]
    assert not world.cloud.writes


def test_a_plan_prints_commands_that_a_person_could_type(world: World) -> None:
    world.write_catalog("alpha")
    lines = list(command_lines(world.plan()))
    registry, project = f"us-central1-docker.pkg.dev/{PROJECT}/hw5-images", f"--project={PROJECT}"
    build = next(line for line in lines if "guichet-alpha" in line)
    assert re.sub("[0-9a-f]{16}", "CONTENT", build) == (
        "gcloud builds submit . --async --config=cloudbuild/model.yaml"
        f" --substitutions=_BASE_IMAGE_URI={registry}/guichet-base,_APP_URI={registry}/guichet-alpha,"
        "_SERVING_PORT=8000,_TARGET_DOCKERFILE=services/Dockerfile,_MODEL_NAME=alpha"
        f" --gcs-source-staging-dir=gs://{PROJECT}_cloudbuild/guichet/alpha-CONTENT '--format=value(id,logUrl)'"
        f" {project}"
    )
    key = [line for line in lines if "api-keys" in line]
    assert key == [
        f"gcloud services api-keys create --key-id={KEY} --display-name=Guichet"
        f' "--api-target=service=${{MANAGED_SERVICE}}" --no-user-output-enabled {project}',
        f"gcloud services api-keys get-key-string {KEY} '--format=value(keyString)' {project}"
        f" | gcloud secrets versions add guichet-key --data-file=- '--format=value(name.basename())' {project}",
    ]
    assert lines[-1] == 'curl -H "x-api-key: $KEY" "${GATEWAY_URL}/v1/models/alpha/ready"'


def test_an_unchanged_system_plans_nothing(world: World) -> None:
    world.up()
    world.cloud.log.clear()
    assert not world.plan()
    assert not world.cloud.writes


def test_a_model_more_is_one_build_one_service_one_config_and_one_change_of_the_gateway(world: World) -> None:
    world.up()
    world.write_catalog("alpha", "beta", "gamma")
    config = world.recorded.gateway.config
    assert said(world.plan()) == [
        "create image guichet-gamma",
        "create service guichet-gamma",
        "change what the directory lists (the models changed)",
        "create config of the gateway (the document changed)",
        f"change gateway guichet (it has {config})",
        "check a first request to 3 models",
    ]


def test_a_model_less_leaves_the_gateway_first_and_then_goes(world: World) -> None:
    world.up()
    world.write_catalog("alpha")
    plan = world.plan()
    assert said(plan)[-2:] == [
        "check a first request to 1 model",
        "remove service guichet-beta (its model is not in the catalog)",
    ]
    assert {"gateway", "prove"} <= set(plan.steps[-1].needs)


@pytest.mark.parametrize(
    ("running", "planned"),
    [
        pytest.param("    memory: 1Gi\n", ["change service guichet-beta (it should run differently)"], id="memory"),
        pytest.param(
            "    min_instances: 2\n", ["change service guichet-beta (it should run differently)"], id="instances"
        ),
        pytest.param("    quota: 5\n", ["create config of the gateway (the document changed)"], id="quota"),
    ],
)
def test_how_a_model_runs_changes_its_service_or_its_route(world: World, running: str, planned: list[str]) -> None:
    world.up()
    world.write_catalog("alpha", "beta", beta=running)
    changed = [line for line in said(world.plan()) if line.startswith(("change service", "create"))]
    assert changed == planned


def test_a_run_for_a_part_leaves_the_rest_as_it_is(world: World) -> None:
    world.models = ("alpha",)
    world.up()
    assert world.recorded.latest
    assert set(world.recorded.latest.models) == {"alpha"}
    (world.folder / "services/classifier/app.py").write_text("changed\n", encoding="utf-8")
    world.models = ("beta",)
    world.up()
    assert world.recorded.latest
    assert set(world.recorded.latest.models) == {"alpha", "beta"}
    assert not world.plan()
    world.models = ()
    assert [line for line in said(world.plan()) if "image" in line and line.startswith("change image")] == [
        "change image guichet-alpha (its content changed)"
    ]


def test_an_unknown_model_is_named(world: World) -> None:
    world.models = ("alpha", "omega")
    with pytest.raises(CatalogError, match="has no model 'omega'; it has alpha, beta"):
        world.plan()


def test_what_somebody_else_changed_is_changed_back(world: World) -> None:
    world.up()
    service = world.cloud.resources[f"{PLACE}/services/guichet-alpha"]
    service["metadata"]["generation"] += 1
    assert said(world.plan())[0] == "change service guichet-alpha (somebody else changed it)"
    world.up()
    assert not world.plan()


def test_a_service_that_is_gone_comes_back_and_the_gateway_keeps_its_config(world: World) -> None:
    world.up()
    world.cloud.remove(f"{PLACE}/services/guichet-alpha")
    world.up()
    assert not world.plan()
    assert len([name for name in world.cloud.resources if "/configs/" in name]) == 1


def test_an_image_that_is_known_by_its_build_or_its_service_alone_is_not_built_again(world: World) -> None:
    world.up()
    (world.folder / "deliverables.yaml").unlink()
    plan = world.plan()
    assert not [step for step in plan.steps if step.id.startswith("build")]
    assert "guichet-alpha was there before: `down` will leave it, as the record does not list it." in plan.remarks
    world.up()
    assert not world.plan()


def test_without_its_repository_every_image_is_built_again(world: World) -> None:
    world.up()
    world.cloud.remove(f"{PLACE}/repositories/hw5-images")
    assert [step.id for step in world.plan().steps if step.id.startswith("build")] == [
        "build alpha",
        "build beta",
        "build directory",
        "build page",
    ]


def test_an_image_can_be_built_again_in_any_case(world: World) -> None:
    world.up()
    plan = world.plan(frozenset(["alpha"]))
    assert [step.id for step in plan.steps] == ["build alpha", "service guichet-alpha", "prove"]


def test_a_key_of_another_kind_is_not_taken_for_ours(world: World) -> None:
    name = f"projects/{PROJECT}/locations/global/keys/guichet-other"
    world.cloud.enable("apikeys.googleapis.com")
    world.cloud.resources[name] = {"name": name, "restrictions": {}, "keyString": "AIza"}
    world.up()
    assert world.recorded.gateway.key == KEY


def test_a_key_that_is_gone_is_replaced_and_stored_anew(world: World) -> None:
    world.up()
    world.cloud.resources[f"projects/{PROJECT}/locations/global/keys/{KEY}"]["deleteTime"] = "2026-01-01"
    world.now += timedelta(days=1)
    assert said(world.plan()) == [
        "create key guichet-20260103-030405",
        "create key guichet-20260103-030405 in secret guichet-key",
        "change service guichet-page (the API key is another one)",
        "check a first request to 2 models",
    ]
    world.up()
    assert not world.plan()


def test_every_right_that_the_plan_grants_is_in_the_readmes_table(world: World) -> None:
    """Least privilege: who is granted what, on what; and no service account has a role in the project."""
    granted = {
        (_resource(command), *_member_and_role(command))
        for command in world.plan().commands
        if isinstance(command, Command) and "add-iam-policy-binding" in command.argv
    }
    assert granted == {
        ("service guichet-alpha", "guichet-gateway", "roles/run.invoker"),
        ("service guichet-beta", "guichet-gateway", "roles/run.invoker"),
        ("service guichet-directory", "guichet-gateway", "roles/run.invoker"),
        ("service guichet-page", "allUsers", "roles/run.invoker"),
        ("secret guichet-document", "guichet-directory", "roles/secretmanager.secretAccessor"),
        ("secret guichet-key", "guichet-page", "roles/secretmanager.secretAccessor"),
    }
    table = _readme_table()
    assert {row[0] for row in table} == {
        "guichet-model",
        "guichet-directory",
        "guichet-page",
        "guichet-gateway",
        "allUsers",
    }
    for resource, member, role in granted:
        kind = re.sub(" guichet-(alpha|beta)", " of every model", resource)
        assert any(row[0] == member and role in row[2] and kind in row[2] for row in table), (resource, member, role)
    listed = {(row[0], role) for row in table for role in re.findall(r"roles/[A-Za-z.]+", row[2])}
    assert listed == {(member, role) for _, member, role in granted}
    assert next(row for row in table if row[0] == "guichet-model")[2] == "none"


def test_every_service_has_an_account_of_its_kind_and_none_the_projects_default(world: World) -> None:
    world.up()
    accounts = {
        name.rsplit("/", 1)[-1]: resource["spec"]["template"]["spec"]["serviceAccountName"].partition("@")[0]
        for name, resource in world.cloud.resources.items()
        if "/services/guichet-" in name and "spec" in resource
    }
    assert accounts == {
        "guichet-alpha": "guichet-model",
        "guichet-beta": "guichet-model",
        "guichet-directory": "guichet-directory",
        "guichet-page": "guichet-page",
    }


def test_planning_asks_a_fixed_number_of_questions(world: World) -> None:
    world.up()
    assert isinstance(world.run, StandIn)
    world.run.commands.clear()
    world.plan()
    assert sorted(" ".join(command[1:4]) for command in world.run.commands) == [
        "artifacts repositories list",
        "iam service-accounts list",
        "run services list",
        "secrets list --project=guichet-test",
        "secrets versions list",
        "secrets versions list",
        "services api-keys list",
        "services list --enabled",
    ]


def _resource(command: Command) -> str:
    words = [word for word in command.argv[1:] if not word.startswith("--")]
    return f"{'secret' if words[0] == 'secrets' else 'service'} {words[-1]}"


def _member_and_role(command: Command) -> tuple[str, str]:
    options: dict[str, Any] = dict(
        word[2:].split("=", 1) for word in command.argv if word.startswith("--") and "=" in word
    )
    return options["member"].removeprefix("serviceAccount:").partition("@")[0], options["role"]


def _readme_table() -> list[list[str]]:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(guichet-[a-z]+|allUsers)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return [[cell.replace("`", "") for cell in row] for row in rows]
