"""Removing everything that was created, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.errors import DeployError
from deploy.plan.destroy import destroy_plan
from deploy.plan.steps import Plan
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_gcloud_requests import Killed
from tests.deploy.fake_google_cloud.state import PROJECT, Fault

pytestmark = pytest.mark.integration

LEFTOVERS = ("objects/", "images/", "buckets/")


def down(deployment: Deployment, *, force: bool = False) -> Plan:
    """Runs `down`."""
    session = deployment.session()
    with session.deliverables.held("down"):
        recorded = session.recorded_state()
        plan = destroy_plan(session.current_state(recorded, monitoring=True), recorded, session.settings, force=force)
        deployment.carry_out(session, plan)
        session.deliverables.empty()
    return plan


def resources(deployment: Deployment) -> set[str]:
    """The resources without what Google keeps: builds and their sources, deleted keys."""
    return {
        name
        for name, resource in deployment.cloud.resources.items()
        if not name.startswith(LEFTOVERS) and "/builds/" not in name and "deleteTime" not in resource
    }


def test_only_resources_that_existed_before_are_left(deployment: Deployment) -> None:
    secret, repository = (
        f"projects/{PROJECT}/secrets/other",
        f"projects/{PROJECT}/locations/us-central1/repositories/other",
    )
    deployment.cloud.resources |= {name: {"name": name} for name in (secret, repository)}
    deployment.cloud.enable("run.googleapis.com")
    before = resources(deployment)
    deployment.up()
    down(deployment)
    assert resources(deployment) == before
    assert deployment.recorded.created == ()
    assert deployment.recorded.project is None
    assert not [name for name in deployment.cloud.resources if name.startswith("objects/") and "/guichet/" in name]


def test_resources_that_existed_before_stay_even_with_our_names(deployment: Deployment) -> None:
    name = f"projects/{PROJECT}/locations/us-central1/repositories/hw5-images"
    deployment.cloud.enable("artifactregistry.googleapis.com")
    deployment.cloud.resources[name] = {"name": name, "format": "DOCKER"}
    account = f"projects/{PROJECT}/serviceAccounts/guichet-model@{PROJECT}.iam.gserviceaccount.com"
    deployment.cloud.enable("iam.googleapis.com")
    deployment.cloud.resources[account] = {"name": account, "email": account.rsplit("/", 1)[-1]}
    deployment.up()
    plan = down(deployment)
    assert {name, account} <= resources(deployment)
    images = [step.what for step in plan.steps if step.what.startswith("image")]
    assert set(images) == {
        "image guichet-alpha",
        "image guichet-beta",
        "image guichet-base",
        "image guichet-base-directory",
        "image guichet-base-page",
        "image guichet-directory",
        "image guichet-page",
    }


def test_resources_are_removed_after_their_users(deployment: Deployment) -> None:
    deployment.first_up()
    session = deployment.session()
    recorded = session.recorded_state()
    plan = destroy_plan(session.current_state(recorded), recorded, session.settings)
    place = {step.what.partition(" guichet")[0]: number for number, step in enumerate(plan.steps)}
    assert place["gateway"] < place["api"]
    needs = {step.id: set(step.needs) for step in plan.steps}
    config = next(step for step in needs if step.startswith("config"))
    assert "gateway guichet" in needs[config]
    assert config in needs["api guichet"]
    assert {"service guichet-page", config} <= needs["account guichet-gateway"]
    assert "repository hw5-images" in needs["enabled API run.googleapis.com"]


def test_an_interrupted_removal_continues(deployment: Deployment) -> None:
    before = resources(deployment)
    deployment.up()
    gcloud = deployment.run
    assert isinstance(gcloud, FakeGcloud)
    deployment.cloud.faults = [
        Fault("DELETE", "/gateways/guichet$", drop=True, after=True, apart=lambda: setattr(gcloud, "dead", True)),
        Fault("DELETE", "/apis/guichet$", operation="not now"),
        Fault("DELETE", "/secrets/guichet-key$", status=403),
        Fault("DELETE", "/serviceAccounts/.*page", drop=True, after=True),
    ]
    with pytest.raises(Killed):
        down(deployment)
    gcloud.dead = False
    for _ in range(6):
        try:
            down(deployment)
            break
        except DeployError:
            continue
    assert resources(deployment) == before
    assert deployment.recorded.created == ()


def test_an_api_that_something_else_needs_stays_enabled(deployment: Deployment) -> None:
    deployment.first_up()
    message = "FAILED_PRECONDITION: The service run.googleapis.com is in use, as others depend on it."
    deployment.cloud.faults = [Fault("POST", "/run.googleapis.com:disable$", status=400, message=message, count=-1)]
    down(deployment)
    assert deployment.cloud.enabled("run.googleapis.com")
    assert not deployment.cloud.enabled("apigateway.googleapis.com")
    assert any("enabled API run.googleapis.com stays: " in said for said in deployment.heard.said)
    assert deployment.recorded.created == ("enabled API run.googleapis.com",)
    assert deployment.recorded.project == PROJECT


def test_apis_that_were_used_lately_stay_on_the_record_until_forced(deployment: Deployment) -> None:
    deployment.cloud.used = True
    deployment.up()
    down(deployment)
    left = deployment.recorded.created
    assert left
    assert all(line.startswith("enabled API ") for line in left)
    assert all(deployment.cloud.enabled(line.removeprefix("enabled API ")) for line in left)
    # It says nothing about the repository, which the first run has removed.
    assert not down(deployment, force=True).remarks
    assert deployment.recorded.created == ()
    assert not deployment.cloud.enabled("run.googleapis.com")


def test_deleted_resources_are_only_taken_off_the_record(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.remove(f"projects/{PROJECT}/secrets/guichet-key")
    plan = down(deployment)
    assert "secret guichet-key" not in [step.what for step in plan.steps]
    assert deployment.recorded.created == ()


def test_everything_can_be_deployed_again_after_a_removal(deployment: Deployment) -> None:
    deployment.first_up()
    down(deployment)
    deployment.now += timedelta(hours=1)
    deployment.up()
    assert not deployment.plan()
    keys = [resource for name, resource in deployment.cloud.resources.items() if "/keys/" in name]
    # A deleted key keeps its name for a while.
    assert ["deleteTime" in key for key in keys] == [True, False]
