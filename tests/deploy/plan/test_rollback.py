"""Rollbacks: services, the list of models and the gateway's config together."""

from __future__ import annotations

import pytest

from deploy.cloud.commands import Commands
from deploy.errors import DeployError
from deploy.plan.rollback import chosen_release, rollback_plan
from deploy.plan.steps import Plan
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud import keys
from tests.deploy.fake_google_cloud.state import PROJECT, Fault

pytestmark = pytest.mark.integration

PLACE = f"projects/{PROJECT}/locations/us-central1"


def rollback_of(deployment: Deployment, number: int | None = None) -> Plan:
    """The plan of `rollback`."""
    session = deployment.session()
    recorded = session.recorded_state()
    release = chosen_release(recorded, number)
    revisions = session.gcloud.json(Commands(session.settings).list_revisions())
    there = {item["metadata"]["name"] for item in revisions}
    return rollback_plan(release, there, session.current_state(recorded), recorded, session.settings)


def go_back(deployment: Deployment, number: int | None = None) -> Plan:
    """Runs `rollback`."""
    session, plan = deployment.session(), rollback_of(deployment, number)
    with session.deliverables.held("rollback"):
        deployment.carry_out(session, plan)
    return plan


@pytest.fixture
def changed(deployment: Deployment) -> Deployment:
    """Two releases: the second has new code in alpha and beta, and a third model."""
    deployment.first_up()
    (deployment.folder / "services/classifier/app.py").write_text("newer\n", encoding="utf-8")
    deployment.write_catalog("alpha", "beta", "gamma")
    deployment.up()
    return deployment


def serving(deployment: Deployment, name: str) -> str:
    return str(deployment.cloud.resources[f"{PLACE}/services/{name}"]["status"]["traffic"][0]["revisionName"])


def test_services_list_of_models_and_gateway_go_back_together(changed: Deployment) -> None:
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
    assert any("guichet-gamma" in remark for remark in plan.remarks)


def test_the_order_is_services_gateway_smoke_test(changed: Deployment) -> None:
    plan = rollback_of(changed)
    assert [step.id for step in plan.steps] == [
        "service guichet-alpha",
        "service guichet-beta",
        "document",
        "gateway",
        "smoke test",
    ]
    assert set(plan.steps[3].needs) == {"service guichet-alpha", "service guichet-beta", "document"}


def test_a_second_rollback_goes_to_an_earlier_release(changed: Deployment) -> None:
    (changed.folder / "frontend/app.py").write_text("newest\n", encoding="utf-8")
    changed.up()
    go_back(changed)
    assert changed.recorded.releases[-1].rolled_back_to == 2
    go_back(changed)
    assert changed.recorded.releases[-1].rolled_back_to == 1
    with pytest.raises(DeployError, match="no release before 1"):
        go_back(changed)


def test_after_a_rollback_the_plan_says_that_traffic_is_pinned_and_up_undoes_it(changed: Deployment) -> None:
    go_back(changed)
    plan = changed.plan()
    pinned = changed.recorded.releases[0].services["guichet-alpha"].revision
    assert any(f"The traffic of guichet-alpha is pinned to {pinned}" in remark for remark in plan.remarks)
    changed.up()
    assert not changed.plan()
    second = changed.recorded.releases[1]
    assert serving(changed, "guichet-alpha") == second.services["guichet-alpha"].revision
    assert changed.cloud.resources[f"{PLACE}/gateways/guichet"]["apiConfig"].endswith(f"/{second.config}")


def test_a_model_that_was_removed_since_comes_back_as_it_was(deployment: Deployment) -> None:
    deployment.write_catalog("alpha", "beta", beta="    cpu: 2\n    memory: 2Gi\n")
    deployment.up()
    image = deployment.cloud.resources[f"{PLACE}/services/guichet-beta"]["spec"]["template"]["spec"]["containers"][0]
    deployment.write_catalog("alpha")
    deployment.up()
    assert f"{PLACE}/services/guichet-beta" not in deployment.cloud.resources
    go_back(deployment)
    again = deployment.cloud.resources[f"{PLACE}/services/guichet-beta"]["spec"]["template"]["spec"]["containers"][0]
    assert again == image
    assert deployment.recorded.services["guichet-beta"].invoker.endswith(
        f"guichet-gateway@{PROJECT}.iam.gserviceaccount.com"
    )
    assert "service guichet-beta" in deployment.recorded.created


def test_an_image_from_elsewhere_is_not_deployed_because_the_record_names_it(deployment: Deployment) -> None:
    deployment.write_catalog("alpha", "beta")
    deployment.up()
    deployment.write_catalog("alpha")
    deployment.up()
    record = deployment.session().deliverables.path
    image = deployment.recorded.releases[0].services["guichet-beta"].image
    text = record.read_text(encoding="utf-8")
    record.write_text(text.replace(image, image.replace("-docker.pkg.dev/", "-docker.pkg.dev/x")), encoding="utf-8")
    with pytest.raises(DeployError, match="image for guichet-beta is not in"):
        rollback_of(deployment)


def test_a_failed_smoke_test_resets_the_gateway(changed: Deployment) -> None:
    config = changed.recorded.gateway.config
    changed.cloud.faults = [Fault("GET", "/v1/models/alpha/ready$", status=500, count=-1)]
    with pytest.raises(DeployError, match=f"reset to {config}"):
        go_back(changed)
    assert changed.cloud.resources[f"{PLACE}/gateways/guichet"]["apiConfig"].endswith(f"/{config}")


def test_a_rollback_to_the_current_release_has_no_steps(changed: Deployment) -> None:
    plan = rollback_of(changed, 2)
    assert not plan
    assert plan.remarks == ("Release 2 is deployed already.",)


@pytest.mark.parametrize(("number", "said"), [(7, "There is no release 7: the record has 1, 2"), (0, "no release 0")])
def test_an_unknown_release_is_an_error_that_lists_the_known_ones(changed: Deployment, number: int, said: str) -> None:
    with pytest.raises(DeployError, match=said):
        rollback_of(changed, number)


def test_a_rollback_without_releases_is_an_error(deployment: Deployment) -> None:
    with pytest.raises(DeployError, match="There is no release to go back to"):
        rollback_of(deployment)


def test_a_deleted_config_is_an_error(changed: Deployment) -> None:
    first = changed.recorded.releases[0]
    changed.cloud.remove(f"projects/{PROJECT}/locations/global/apis/guichet/configs/{first.config}")
    with pytest.raises(DeployError, match=f"needs config {first.config}, which no longer exists"):
        rollback_of(changed)
