"""Removing: what was created, all of it, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.down import down_plan
from deploy.errors import DeployError
from deploy.steps import Plan
from tests.deploy.cloud.state import PROJECT, Fault
from tests.deploy.stand_in import Killed, StandIn
from tests.deploy.world import World

LEFTOVERS = ("objects/", "images/", "buckets/")


def down(world: World) -> Plan:
    """What `down` does."""
    session = world.session()
    with session.deliverables.held("down"):
        recorded = session.recorded()
        plan = down_plan(session.actual(recorded), recorded, session.settings)
        world.carry_out(session, plan)
        session.deliverables.empty()
    return plan


def resources(world: World) -> set[str]:
    """What is in the project, but for what Google keeps: records of builds and their sources, marks of deleted keys."""
    return {
        name
        for name, resource in world.cloud.resources.items()
        if not name.startswith(LEFTOVERS) and "/builds/" not in name and "deleteTime" not in resource
    }


def test_nothing_is_left_but_what_was_there_before(world: World) -> None:
    secret, repository = (
        f"projects/{PROJECT}/secrets/other",
        f"projects/{PROJECT}/locations/us-central1/repositories/other",
    )
    world.cloud.resources |= {name: {"name": name} for name in (secret, repository)}
    world.cloud.enable("run.googleapis.com")
    before = resources(world)
    world.up()
    plan = down(world)
    assert resources(world) == before
    assert world.recorded.created == ()
    assert world.recorded.project is None
    assert any("gcloud storage rm --recursive gs://guichet-test_cloudbuild/guichet" in said for said in plan.remarks)


def test_what_was_there_before_stays_even_if_it_bears_our_name(world: World) -> None:
    name = f"projects/{PROJECT}/locations/us-central1/repositories/hw5-images"
    world.cloud.enable("artifactregistry.googleapis.com")
    world.cloud.resources[name] = {"name": name, "format": "DOCKER"}
    account = f"projects/{PROJECT}/serviceAccounts/guichet-model@{PROJECT}.iam.gserviceaccount.com"
    world.cloud.enable("iam.googleapis.com")
    world.cloud.resources[account] = {"name": account, "email": account.rsplit("/", 1)[-1]}
    world.up()
    plan = down(world)
    assert {name, account} <= resources(world)
    images = [step.what for step in plan.steps if step.what.startswith("image")]
    assert images == [
        "image guichet-page",
        "image guichet-base-page",
        "image guichet-directory",
        "image guichet-base-directory",
        "image guichet-beta",
        "image guichet-alpha",
        "image guichet-base",
    ] or set(images) == {
        "image guichet-alpha",
        "image guichet-beta",
        "image guichet-base",
        "image guichet-base-directory",
        "image guichet-base-page",
        "image guichet-directory",
        "image guichet-page",
    }


def test_the_order_is_googles(world: World) -> None:
    world.up()
    session = world.session()
    recorded = session.recorded()
    plan = down_plan(session.actual(recorded), recorded, session.settings)
    place = {step.what.partition(" guichet")[0]: number for number, step in enumerate(plan.steps)}
    assert place["gateway"] < place["api"]
    needs = {step.id: set(step.needs) for step in plan.steps}
    config = next(step for step in needs if step.startswith("config"))
    assert "gateway guichet" in needs[config]
    assert config in needs["api guichet"]
    assert {"service guichet-page", config} <= needs["account guichet-gateway"]
    assert "repository hw5-images" in needs["enabled API run.googleapis.com"]


def test_an_interrupted_removal_goes_on(world: World) -> None:
    before = resources(world)
    world.up()
    gcloud = world.run
    assert isinstance(gcloud, StandIn)
    world.cloud.faults = [
        Fault("DELETE", "/gateways/guichet$", drop=True, after=True, apart=lambda: setattr(gcloud, "dead", True)),
        Fault("DELETE", "/apis/guichet$", operation="not now"),
        Fault("DELETE", "/secrets/guichet-key$", status=403),
        Fault("DELETE", "/serviceAccounts/.*page", drop=True, after=True),
    ]
    with pytest.raises(Killed):
        down(world)
    gcloud.dead = False
    for _ in range(6):
        try:
            down(world)
            break
        except DeployError:
            continue
    assert resources(world) == before
    assert world.recorded.created == ()


def test_an_api_that_something_else_needs_stays_enabled(world: World) -> None:
    world.up()
    message = "FAILED_PRECONDITION: The service run.googleapis.com is in use or was used recently."
    world.cloud.faults = [Fault("POST", "/run.googleapis.com:disable$", status=400, message=message, count=-1)]
    down(world)
    assert world.cloud.enabled("run.googleapis.com")
    assert not world.cloud.enabled("apigateway.googleapis.com")
    assert any("in use" in said for said in world.heard.said)
    assert world.recorded.created == ()


def test_what_is_gone_already_is_only_taken_off_the_list(world: World) -> None:
    world.up()
    world.cloud.remove(f"projects/{PROJECT}/secrets/guichet-key")
    plan = down(world)
    assert "secret guichet-key" not in [step.what for step in plan.steps]
    assert world.recorded.created == ()


def test_after_a_removal_everything_can_come_back(world: World) -> None:
    world.up()
    down(world)
    world.now += timedelta(hours=1)
    world.up()
    assert not world.plan()
    keys = [resource for name, resource in world.cloud.resources.items() if "/keys/" in name]
    # A deleted key keeps its name for a while.
    assert ["deleteTime" in key for key in keys] == [True, False]
