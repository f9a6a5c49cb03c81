"""Back to a release: services, what the directory lists and the gateway's config together."""

from __future__ import annotations

import pytest

from deploy.commands import Commands
from deploy.errors import DeployError
from deploy.rollback import chosen_release, rollback_plan
from deploy.steps import Plan
from tests.deploy.cloud import keys
from tests.deploy.cloud.state import PROJECT, Fault
from tests.deploy.world import World

PLACE = f"projects/{PROJECT}/locations/us-central1"


def rollback_of(world: World, number: int | None = None) -> Plan:
    """What `rollback` would do."""
    session = world.session()
    recorded = session.recorded()
    release = chosen_release(recorded, number)
    revisions = session.gcloud.json(Commands(session.settings).list_revisions())
    there = {item["metadata"]["name"] for item in revisions}
    return rollback_plan(release, there, session.actual(recorded), recorded, session.settings)


def go_back(world: World, number: int | None = None) -> Plan:
    """What `rollback` does."""
    session, plan = world.session(), rollback_of(world, number)
    with session.deliverables.held("rollback"):
        world.carry_out(session, plan)
    return plan


@pytest.fixture
def changed(world: World) -> World:
    """Two releases: the second has new code in alpha and beta, and a third model."""
    world.up()
    (world.folder / "services/classifier/app.py").write_text("newer\n", encoding="utf-8")
    world.write_catalog("alpha", "beta", "gamma")
    world.up()
    return world


def serving(world: World, name: str) -> str:
    return str(world.cloud.resources[f"{PLACE}/services/{name}"]["status"]["traffic"][0]["revisionName"])


def test_services_listing_and_gateway_go_back_together(changed: World) -> None:
    first, second = changed.recorded.releases
    listed = keys.content(changed.cloud, "guichet-document")
    plan = go_back(changed)
    for name in ("guichet-alpha", "guichet-beta", "guichet-directory", "guichet-page"):
        assert serving(changed, name) == first.services[name].revision
    assert changed.cloud.resources[f"{PLACE}/gateways/guichet"]["apiConfig"].endswith(f"/{first.config}")
    assert keys.content(changed.cloud, "guichet-document") != listed
    latest = changed.recorded.latest
    assert latest
    assert (latest.release, latest.rolled_back_to, latest.models) == (3, 1, first.models)
    assert latest.config == first.config != second.config
    assert "Newer than release 1: guichet-gamma. They stay, and no route leads to them." in plan.remarks


def test_the_order_is_services_then_gateway_then_proof(changed: World) -> None:
    plan = rollback_of(changed)
    assert [step.id for step in plan.steps] == [
        "service guichet-alpha",
        "service guichet-beta",
        "document",
        "gateway",
        "prove",
    ]
    assert set(plan.steps[3].needs) == {"service guichet-alpha", "service guichet-beta", "document"}


def test_going_back_again_goes_further_back(changed: World) -> None:
    (changed.folder / "frontend/app.py").write_text("newest\n", encoding="utf-8")
    changed.up()
    go_back(changed)
    assert changed.recorded.releases[-1].rolled_back_to == 2
    go_back(changed)
    assert changed.recorded.releases[-1].rolled_back_to == 1
    with pytest.raises(DeployError, match="no release before 1"):
        go_back(changed)


def test_after_a_rollback_the_plan_says_that_traffic_is_pinned_and_up_undoes_it(changed: World) -> None:
    go_back(changed)
    plan = changed.plan()
    pinned = changed.recorded.releases[0].services["guichet-alpha"].revision
    assert any(f"The traffic of guichet-alpha is pinned to {pinned}" in remark for remark in plan.remarks)
    changed.up()
    assert not changed.plan()
    second = changed.recorded.releases[1]
    assert serving(changed, "guichet-alpha") == second.services["guichet-alpha"].revision
    assert changed.cloud.resources[f"{PLACE}/gateways/guichet"]["apiConfig"].endswith(f"/{second.config}")


def test_a_model_that_was_removed_since_comes_back_as_it_was(world: World) -> None:
    world.write_catalog("alpha", "beta", beta="    cpu: 2\n    memory: 2Gi\n")
    world.up()
    image = world.cloud.resources[f"{PLACE}/services/guichet-beta"]["spec"]["template"]["spec"]["containers"][0]
    world.write_catalog("alpha")
    world.up()
    assert f"{PLACE}/services/guichet-beta" not in world.cloud.resources
    go_back(world)
    again = world.cloud.resources[f"{PLACE}/services/guichet-beta"]["spec"]["template"]["spec"]["containers"][0]
    assert again == image
    assert world.recorded.services["guichet-beta"].invoker.endswith(
        f"guichet-gateway@{PROJECT}.iam.gserviceaccount.com"
    )
    assert "service guichet-beta" in world.recorded.created


def test_a_release_that_does_not_answer_leaves_the_gateway_as_it_was(changed: World) -> None:
    config = changed.recorded.gateway.config
    changed.cloud.faults = [Fault("GET", "/v1/models/alpha/ready$", status=500, count=-1)]
    with pytest.raises(DeployError, match=f"put back to {config}"):
        go_back(changed)
    assert changed.cloud.resources[f"{PLACE}/gateways/guichet"]["apiConfig"].endswith(f"/{config}")


def test_the_present_release_needs_no_step(changed: World) -> None:
    plan = rollback_of(changed, 2)
    assert not plan
    assert plan.remarks == ("Release 2 is what is there.",)


@pytest.mark.parametrize(("number", "said"), [(7, "There is no release 7: the record has 1, 2"), (0, "no release 0")])
def test_a_release_that_is_not_there_is_refused_with_those_that_are(changed: World, number: int, said: str) -> None:
    with pytest.raises(DeployError, match=said):
        rollback_of(changed, number)


def test_without_a_release_there_is_nothing_to_go_back_to(world: World) -> None:
    with pytest.raises(DeployError, match="There is no release to go back to"):
        rollback_of(world)


def test_a_config_that_is_gone_is_said(changed: World) -> None:
    first = changed.recorded.releases[0]
    changed.cloud.remove(f"projects/{PROJECT}/locations/global/apis/guichet/configs/{first.config}")
    with pytest.raises(DeployError, match=f"needs config {first.config}, which is not there any more"):
        rollback_of(changed)
