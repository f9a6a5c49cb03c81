"""Failures that hold up nothing else, and changes of Google's that are waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cloud.gcloud import Gcloud, GcloudFailed, Output
from deploy.errors import DeployError, SettingsError
from services.catalog import CatalogError
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.builds import BUILD_ACCOUNT
from tests.deploy.fake_google_cloud.state import PROJECT, Fault

pytestmark = pytest.mark.integration

PLACE = f"projects/{PROJECT}/locations/us-central1"
ROUTES = "/v1/models/"


def routes(deployment: Deployment) -> set[str]:
    """The models behind the gateway, in the last release."""
    assert deployment.recorded.latest
    return set(deployment.recorded.latest.models)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("POST", "/builds$", skip=3, operation="out of disk", count=1), id="it does not build"),
        pytest.param(
            Fault("POST", "/namespaces/[^/]+/services$", operation="failed to start", count=1), id="it does not start"
        ),
    ],
)
def test_one_model_that_fails_holds_up_neither_the_others_nor_the_gateway(deployment: Deployment, fault: Fault) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", "gamma", "delta")
    fault.skip = 0
    deployment.cloud.faults = [fault]
    with pytest.raises(DeployError, match=r"Not up to date: (gamma|delta)\. Run again"):
        deployment.up()
    served = routes(deployment)
    assert len(served) == 3
    assert {"alpha", "beta"} < served
    deployment.up()
    assert routes(deployment) == {"alpha", "beta", "gamma", "delta"}
    assert not deployment.plan()


def test_a_model_whose_new_revision_fails_keeps_the_former_one_behind_the_gateway(deployment: Deployment) -> None:
    deployment.first_up()
    assert deployment.recorded.latest
    before = deployment.recorded.latest.services["guichet-beta"]
    deployment.write_catalog("alpha", "beta", "gamma", beta="    memory: 2Gi\n")
    deployment.cloud.faults = [Fault("PUT", "/services/guichet-beta$", operation="failed to start", count=1)]
    with pytest.raises(DeployError, match="Not up to date: beta"):
        deployment.up()
    assert routes(deployment) == {"alpha", "beta", "gamma"}
    assert deployment.recorded.latest.services["guichet-beta"].revision == before.revision


def test_a_page_that_fails_does_not_hold_up_the_api(deployment: Deployment) -> None:
    deployment.cloud.faults = [
        Fault("POST", "/namespaces/[^/]+/services$", skip=3, operation="the organisation forbids it", count=1)
    ]
    with pytest.raises(DeployError, match="Not up to date: page"):
        deployment.up()
    assert routes(deployment) == {"alpha", "beta"}
    deployment.up()
    assert "guichet-page" in deployment.recorded.services
    assert not deployment.plan()


def test_the_account_that_builds_run_as_is_named_and_not_the_callers_roles(deployment: Deployment) -> None:
    deployment.cloud.poor_builds = True
    with pytest.raises(DeployError) as failed:
        deployment.up()
    said = str(failed.value)
    assert f"--member=serviceAccount:{BUILD_ACCOUNT} --role=roles/cloudbuild.builds.builder" in said
    assert "Ask an owner" not in said


def test_a_build_that_may_not_push_names_the_account_it_ran_as(deployment: Deployment) -> None:
    denied = 'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "x"'
    deployment.cloud.faults = [Fault("POST", "/builds$", operation=denied)]
    with pytest.raises(DeployError, match=r"The account that builds run as may not push images\. `make doctor FIX=1`"):
        deployment.up()


def test_a_config_that_is_being_activated_is_waited_for_and_never_deleted(deployment: Deployment) -> None:
    deployment.cloud.activating = 3
    deployment.up()
    assert deployment.recorded.latest
    assert not [entry for entry in deployment.cloud.writes if entry.method == "DELETE"]
    assert any("waiting for config" in said for said in deployment.heard.said)


def test_a_region_without_api_gateway_is_refused_before_anything_is_made(deployment: Deployment) -> None:
    deployment.region = "europe-north1"
    with pytest.raises(SettingsError, match="set GATEWAY_REGION to one of"):
        deployment.up()
    assert not deployment.cloud.writes


def test_the_gateway_may_be_in_another_region_than_the_services(deployment: Deployment) -> None:
    deployment.region, deployment.gateway_region = "europe-north1", "europe-west1"
    deployment.up()
    assert deployment.recorded.gateway_region == "europe-west1"
    assert f"projects/{PROJECT}/locations/europe-west1/gateways/guichet" in deployment.cloud.resources
    assert f"projects/{PROJECT}/locations/europe-north1/services/guichet-alpha" in deployment.cloud.resources
    assert not deployment.plan()


def test_a_secret_whose_reader_is_not_visible_yet_is_tried_again_with_another_revision(
    deployment: Deployment,
) -> None:
    said = "Permission denied on secret: projects/1/secrets/guichet-document/versions/latest for Revision account"
    deployment.cloud.faults = [Fault("POST", "/namespaces/[^/]+/services$", skip=2, operation=said, count=1)]
    deployment.up()
    assert deployment.waited.count(10.0) == 1
    assert not deployment.plan()


DISABLED = "ERROR: (x) PERMISSION_DENIED: Cloud Run Admin API has not been used in project 1 before or it is disabled."
ACT_AS = "ERROR: (x) PERMISSION_DENIED: Permission 'iam.serviceaccounts.actAs' denied on service account a@b."


@pytest.mark.parametrize(
    ("made", "says"),
    [
        pytest.param(("gcloud", "services", "enable", "run.googleapis.com"), DISABLED, id="an API"),
        pytest.param(("gcloud", "iam", "service-accounts", "create", "a"), ACT_AS, id="an account"),
    ],
)
def test_only_what_this_run_has_made_is_waited_for(made: tuple[str, ...], says: str) -> None:
    """Google's texts are the same for what is missing and for what is not visible yet."""
    waited: list[float] = []

    def run(argv: tuple[str, ...], stdin: str | None = None) -> Output:
        return Output(0, "", "") if argv == made else Output(1, "", says)

    gcloud = Gcloud(run, "my-project", sleep=waited.append)
    with pytest.raises(GcloudFailed):
        gcloud(("gcloud", "run", "services", "list"))
    assert not waited
    gcloud(made)
    with pytest.raises(GcloudFailed):
        gcloud(("gcloud", "run", "services", "list"))
    assert 400 < sum(waited) < 480


def test_a_lost_caller_and_a_lost_reader_are_granted_again(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.policies[f"{PLACE}/services/guichet-alpha"]["bindings"] = []
    deployment.cloud.policies[f"projects/{PROJECT}/secrets/guichet-key"]["bindings"] = []
    plan = deployment.plan()
    assert [(step.id, step.why) for step in plan.steps][:2] == [
        ("service guichet-alpha", "its caller lost the permission"),
        ("secret guichet-key", "its reader lost the permission"),
    ]
    deployment.up()
    assert not deployment.plan()


def test_a_model_that_anybody_may_call_is_closed_and_other_callers_are_reported(deployment: Deployment) -> None:
    deployment.first_up()
    members = deployment.cloud.policies[f"{PLACE}/services/guichet-alpha"]["bindings"][0]["members"]
    members += ["allUsers", "user:tester@example.com"]
    plan = deployment.plan()
    assert any("user:tester@example.com" in remark for remark in plan.remarks)
    assert plan.steps[0].why == "allUsers may call it"
    deployment.up()
    assert "allUsers" not in str(deployment.cloud.policies)
    assert not deployment.plan()


def test_resources_of_others_hold_nothing_up(deployment: Deployment) -> None:
    deployment.first_up()
    resources = deployment.cloud.resources
    other = dict(resources[f"{PLACE}/services/guichet-alpha"])
    other["metadata"] = {**other["metadata"], "name": "somebody-elses"}
    other["status"] = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    resources[f"{PLACE}/services/somebody-elses"] = other
    name = f"projects/{PROJECT}/locations/global/apis/other"
    resources[name] = {"name": name, "state": "UPDATING", "managedService": "x"}
    assert not deployment.up()


def test_the_base_image_is_built_once(deployment: Deployment) -> None:
    deployment.write_catalog(*(f"model-{number}" for number in range(9)))
    deployment.up()
    assert isinstance(deployment.run, FakeGcloud)
    built = [command for command in deployment.run.commands if command[1:3] == ("builds", "submit")]
    assert len([command for command in built if "--config=cloudbuild/base.yaml" in command]) == 3
    assert len(built) == 3 + 9 + 2


@pytest.mark.parametrize("name", ["base", "base-page", "page", "directory"])
def test_a_model_with_the_name_of_one_of_our_images_is_refused(deployment: Deployment, name: str) -> None:
    deployment.write_catalog("alpha", name)
    with pytest.raises(SettingsError, match="the name is reserved"):
        deployment.plan()


@pytest.mark.parametrize("access", ["private", "iap"])
def test_who_may_open_the_page_can_change(deployment: Deployment, access: str, tmp_path: Path) -> None:
    deployment.first_up()
    deployment.page_access = access
    deployment.up()
    assert not deployment.plan()
    notes = deployment.cloud.resources[f"{PLACE}/services/guichet-page"]["metadata"]["annotations"]
    assert "run.googleapis.com/invoker-iam-disabled" not in notes
    assert ("run.googleapis.com/iap-enabled" in notes) == (access == "iap")
    policy = str(deployment.cloud.policies.get(f"{PLACE}/services/guichet-page"))
    assert ("service-123456789012@gcp-sa-iap" in policy) == (access == "iap")


def test_a_name_that_google_refuses_is_refused_in_the_catalog(deployment: Deployment) -> None:
    deployment.write_catalog("alpha", "resnet-")
    with pytest.raises(CatalogError, match="not a dash at the end"):
        deployment.plan()
