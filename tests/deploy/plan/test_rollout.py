"""Staged deployments, with the traffic read back after each command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.cloud.current_state import CurrentState
from deploy.errors import DeployError
from deploy.plan.rollback import chosen_release, rollback_plan
from deploy.plan.rollout import abort_plan, promote_plan, share_plan, stage_plan
from deploy.plan.steps import Plan
from deploy.recorded_state import RecordedState
from deploy.session import Session
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud.state import PROJECT

pytestmark = pytest.mark.integration

MODEL = f"projects/{PROJECT}/locations/us-central1/services/guichet-alpha"
Planner = Callable[[Session, CurrentState, RecordedState], Plan]


def stage(session: Session, current: CurrentState, recorded: RecordedState) -> Plan:
    return stage_plan(session.desired_state(current), current, recorded, session.settings)


def promote(session: Session, current: CurrentState, recorded: RecordedState) -> Plan:
    return promote_plan(session.desired_state(current), current, recorded, session.settings)


def ten_percent(session: Session, current: CurrentState, recorded: RecordedState) -> Plan:
    return share_plan(current, 10, session.settings)


def abort(session: Session, current: CurrentState, recorded: RecordedState) -> Plan:
    return abort_plan(current, session.settings)


def rollback(session: Session, current: CurrentState, recorded: RecordedState) -> Plan:
    items = session.gcloud.json(("gcloud", "run", "revisions", "list", "--region=us-central1"))
    release = chosen_release(recorded, 1)
    return rollback_plan(release, [item["metadata"]["name"] for item in items], current, recorded, session.settings)


def run(deployment: Deployment, planner: Planner) -> Plan:
    """Plans and carries out a command."""
    session = deployment.session()
    with session.deliverables.held("test"):
        recorded = session.recorded_state()
        plan = planner(session, session.current_state(recorded), recorded)
        deployment.carry_out(session, plan)
    return plan


def traffic(deployment: Deployment) -> dict[str, int]:
    """The shares of the first model, by the number of the deployment that made the revision."""
    parts = deployment.cloud.resources[MODEL]["status"]["traffic"]
    names = sorted({part["revisionName"] for part in parts})
    shares = {name: sum(part.get("percent", 0) for part in parts if part["revisionName"] == name) for name in names}
    return {"new" if name != first(deployment) else "old": share for name, share in shares.items()}


def first(deployment: Deployment) -> str:
    return deployment.recorded.releases[0].services["guichet-alpha"].revision


def tags(deployment: Deployment) -> list[str]:
    return [part["tag"] for part in deployment.cloud.resources[MODEL]["spec"]["traffic"] if "tag" in part]


@pytest.fixture
def released(deployment: Deployment) -> Deployment:
    """A release, and sources that have changed since."""
    deployment.first_up()
    (deployment.folder / "services/classifier/app.py").write_text("code 2\n", encoding="utf-8")
    return deployment


def test_a_staged_revision_has_a_tag_and_no_traffic_and_nothing_else_changes(released: Deployment) -> None:
    config = released.recorded.gateway.config
    run(released, stage)
    assert traffic(released) == {"old": 100, "new": 0}
    assert tags(released) == ["next"]
    assert released.recorded.gateway.config == config
    assert released.recorded.latest
    assert released.recorded.latest.release == 1
    assert not run(released, stage)


def test_ten_percent_then_all_then_it_is_a_release(released: Deployment) -> None:
    run(released, stage)
    run(released, ten_percent)
    assert traffic(released) == {"old": 90, "new": 10}
    assert not run(released, ten_percent)
    run(released, promote)
    assert traffic(released) == {"new": 100}
    assert tags(released) == []
    assert released.recorded.latest
    assert released.recorded.latest.release == 2
    assert released.recorded.latest.services["guichet-alpha"].revision != first(released)
    assert not released.plan()


@pytest.mark.parametrize("before", [[stage], [stage, ten_percent]], ids=["staged", "with 10 %"])
@pytest.mark.parametrize("back", [abort, rollback])
def test_the_former_revision_gets_all_traffic_back(released: Deployment, before: list[Planner], back: Planner) -> None:
    for planner in before:
        run(released, planner)
    run(released, back)
    assert traffic(released) == {"old": 100}
    assert tags(released) == []


def test_a_rollback_after_a_promotion(released: Deployment) -> None:
    run(released, stage)
    run(released, promote)
    run(released, rollback)
    assert traffic(released) == {"old": 100}


def test_a_deployment_after_staging_sends_the_traffic_to_the_newest_revision(released: Deployment) -> None:
    run(released, stage)
    released.up()
    assert traffic(released) == {"new": 100}
    assert not released.plan()


def test_a_new_model_is_routed_once_it_is_promoted(released: Deployment) -> None:
    released.write_catalog("alpha", "beta", "gamma")
    run(released, stage)
    assert released.recorded.latest
    assert "gamma" not in released.recorded.latest.models
    run(released, promote)
    assert released.recorded.latest.models == ("alpha", "beta", "gamma")
    assert not released.plan()


def test_without_a_release_nothing_can_be_staged(deployment: Deployment) -> None:
    with pytest.raises(DeployError, match="run `make deploy` without STAGE"):
        run(deployment, stage)


@pytest.mark.parametrize("planner", [promote, ten_percent, abort])
def test_without_a_staged_revision_nothing_can_be_promoted_or_aborted(released: Deployment, planner: Planner) -> None:
    with pytest.raises(DeployError, match="Nothing is staged"):
        run(released, planner)
