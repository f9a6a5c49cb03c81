"""Carrying out plans: records, messages and resets."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from deploy.errors import DeployError, RecordError
from deploy.plan.deployment import image_build_plan
from deploy.plan.steps import BuildImage, Plan, Step
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud import keys
from tests.deploy.fake_google_cloud.state import PROJECT, Fault

pytestmark = pytest.mark.integration

PLACE = f"projects/{PROJECT}/locations"


def test_everything_is_created_and_recorded(deployment: Deployment) -> None:
    deployment.first_up()
    recorded, resources = deployment.recorded, deployment.cloud.resources
    services = [resources[f"{PLACE}/us-central1/services/{name}"] for name in recorded.services]
    assert set(recorded.services) == {"guichet-alpha", "guichet-beta", "guichet-directory", "guichet-page"}
    for service in services:
        assert service["status"]["conditions"][0]["status"] == "True"
        entry = recorded.services[service["metadata"]["name"]]
        assert (entry.url, entry.revision) == (service["status"]["url"], service["status"]["latestReadyRevisionName"])
    for name, image in recorded.images.items():
        build = resources[f"{PLACE}/global/builds/{image.build}"]
        built = build["substitutions"].get("_APP_URI", build["substitutions"]["_BASE_IMAGE_URI"])
        assert built.endswith(f"/guichet-{name}")
        assert image.image == f"{build['images'][0]}@{build['results']['images'][0]['digest']}"
        assert image.log == build["logUrl"]
    gateway = resources[f"{PLACE}/us-central1/gateways/guichet"]
    assert gateway["apiConfig"].endswith(f"/{recorded.gateway.config}")
    assert recorded.gateway.url == f"http://{gateway['defaultHostname']}"
    assert recorded.latest
    assert (recorded.latest.release, recorded.latest.models) == (1, ("alpha", "beta"))


def test_the_key_is_restricted_and_stored_in_its_secret_only(deployment: Deployment) -> None:
    deployment.first_up()
    key = deployment.cloud.resources[f"{PLACE}/global/keys/{deployment.recorded.gateway.key}"]
    managed = deployment.cloud.resources[f"{PLACE}/global/apis/guichet"]["managedService"]
    assert key["restrictions"] == {"apiTargets": [{"service": managed}]}
    assert keys.content(deployment.cloud, "guichet-key") == key["keyString"]
    assert key["keyString"] not in deployment.record
    assert key["keyString"] not in "".join(deployment.heard.said)
    for path in (deployment.folder / ".run/deploy").iterdir():
        assert key["keyString"] not in path.read_text(encoding="utf-8")


def test_only_the_page_is_public(deployment: Deployment) -> None:
    deployment.first_up()
    public = {
        name.rsplit("/", 1)[-1]
        for name, resource in deployment.cloud.resources.items()
        if "run.googleapis.com/invoker-iam-disabled" in json.dumps(resource) and "/services/" in name
    }
    assert public == {"guichet-page"}
    assert "allUsers" not in json.dumps(deployment.cloud.policies)


def test_a_second_run_changes_nothing(deployment: Deployment) -> None:
    deployment.first_up()
    record = deployment.record
    deployment.cloud.log.clear()
    assert not deployment.up()
    assert not deployment.cloud.writes
    assert deployment.record == record


def test_a_new_model_leaves_page_and_directory_untouched(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", "gamma")
    deployment.cloud.log.clear()
    deployment.up()
    written = [(entry.method, entry.path.rsplit("/", 1)[-1]) for entry in deployment.cloud.writes]
    assert written.count(("POST", "builds")) == 1
    assert written.count(("POST", "services")) == 1
    assert written.count(("POST", "configs")) == 1
    assert written.count(("PATCH", "guichet")) == 1
    assert not [path for method, path in written if method == "PUT"]


def test_a_model_less_goes_with_its_service_and_its_entries(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha")
    deployment.up()
    assert f"{PLACE}/us-central1/services/guichet-beta" not in deployment.cloud.resources
    assert "guichet-beta" not in deployment.recorded.services
    assert "service guichet-beta" not in deployment.recorded.created
    assert not deployment.plan()


def test_a_build_is_recorded_before_it_has_ended(deployment: Deployment) -> None:
    at_the_end: list[str] = []
    deployment.cloud.before_write = lambda method, path: (
        at_the_end.append(deployment.record) if path.endswith("services") else None
    )
    deployment.up()
    first = at_the_end[0]
    assert first.count("build: ") >= 1
    deployment.cloud.before_write = lambda method, path: None


def test_a_running_build_is_awaited_and_not_submitted_again(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", "gamma")
    session = deployment.session()
    recorded = session.recorded_state()
    plan = session.plan(recorded, session.current_state(recorded))
    build = next(step for step in plan.steps if step.id == "build gamma").actions[0]
    assert isinstance(build, BuildImage)
    # Submitted by a run that ended before it noted so: where the source is kept tells what it was made from.
    deployment.cloud.slow = 9
    session.gcloud(build.argv)
    deployment.cloud.slow = 0
    deployment.cloud.log.clear()
    assert next(step for step in deployment.plan().steps if step.id == "build gamma").why == "already being built"
    deployment.up()
    assert not [entry for entry in deployment.cloud.writes if entry.path.endswith("/builds")]
    assert deployment.recorded.images["gamma"].image


def test_a_failed_build_shows_its_log_and_stops_dependent_steps(deployment: Deployment) -> None:
    deployment.cloud.faults = [Fault("POST", "/builds$", operation="step 1 exited with 2", skip=3, count=4)]
    with pytest.raises(DeployError) as failed:
        deployment.up()
    said = str(failed.value)
    assert "The build of guichet-alpha ended with FAILURE: step 1 exited with 2." in said
    assert "the last line of the log" in said
    assert "https://console.cloud.google.com/cloud-build/builds/" in said
    assert "service guichet-alpha" not in deployment.heard.finished_steps
    assert "api" in deployment.heard.finished_steps


def test_a_failed_revision_is_retried_with_another_template(deployment: Deployment) -> None:
    deployment.cloud.faults = [Fault("POST", "/namespaces/[^/]+/services$", operation="the container failed to start")]
    with pytest.raises(DeployError, match="the container failed to start"):
        deployment.up()
    deployment.up()
    attempts = [
        revision["metadata"]["name"] for name, revision in deployment.cloud.resources.items() if "/revisions/" in name
    ]
    assert len(attempts) == 5
    assert not deployment.plan()


def test_a_failed_smoke_test_resets_the_gateway(deployment: Deployment) -> None:
    deployment.first_up()
    former = deployment.recorded.gateway.config
    deployment.write_catalog("alpha", "beta", "gamma")
    deployment.cloud.faults = [Fault("GET", "/v1/models/gamma/ready$", status=503, count=-1, message="not today")]
    with pytest.raises(DeployError) as failed:
        deployment.up()
    said = str(failed.value)
    assert "1 of 3 models did not respond through http://127.0.0.1" in said
    assert "GET /v1/models/gamma/ready returned 503" in said
    assert f"The gateway was reset to {former}." in said
    gateway = deployment.cloud.resources[f"{PLACE}/us-central1/gateways/guichet"]
    assert gateway["apiConfig"].endswith(f"/{former}")
    assert deployment.recorded.gateway.config == former
    assert deployment.recorded.latest
    assert deployment.recorded.latest.release == 1
    deployment.cloud.faults = []
    deployment.up()
    assert not deployment.plan()
    assert deployment.recorded.latest.release == 2


def test_other_scores_than_the_references_reset_the_gateway(deployment: Deployment) -> None:
    deployment.first_up()
    former = deployment.recorded.gateway.config
    folder = (deployment.folder / deployment.catalog).parent
    (folder / "one.png").write_bytes(b"an image")
    scores = (
        {"format": 1, "labels": ["ant"]},
        {"image": "one.png", "sha256": sha256(b"an image").hexdigest(), "scores": [1]},
    )
    (folder / "reference.jsonl").write_text("".join(json.dumps(line) + "\n" for line in scores))
    deployment.write_catalog("alpha", "beta", "gamma", gamma="    reference: reference.jsonl\n")
    with pytest.raises(DeployError, match="are not those of the models: /v1/models/gamma: .*reset to " + former):
        deployment.up()
    assert deployment.recorded.gateway.config == former


def test_a_failed_first_deployment_keeps_its_config(
    deployment: Deployment,
) -> None:
    deployment.cloud.faults = [Fault("GET", "/v1/models/.*/ready$", status=503, count=-1)]
    with pytest.raises(DeployError, match="there is no former one"):
        deployment.up()


def test_the_smoke_test_retries(deployment: Deployment) -> None:
    deployment.patience = 10
    deployment.cloud.faults = [Fault("GET", "/v1/models/alpha/ready$", status=404, count=1)]
    deployment.up()
    assert any("retrying" in said for said in deployment.heard.said)


def test_a_change_in_progress_is_awaited(deployment: Deployment) -> None:
    deployment.first_up()
    gateway = deployment.cloud.resources[f"{PLACE}/us-central1/gateways/guichet"]
    deployment.cloud.slow = 25
    with deployment.cloud.lock:
        gateway["state"] = "UPDATING"
        deployment.cloud.operation("update", gateway["name"])
    assert not deployment.up()
    assert "Waiting for a change in progress: gateway guichet" in deployment.heard.said


def test_the_record_of_another_project_is_an_error(deployment: Deployment) -> None:
    (deployment.folder / "deliverables.yaml").write_text("project: another-project\n", encoding="utf-8")
    with pytest.raises(RecordError, match="is of project another-project, but this run is for guichet-test"):
        deployment.up()
    assert not deployment.cloud.writes


def test_images_alone_can_be_built(deployment: Deployment) -> None:
    session = deployment.session()
    with session.deliverables.held("build"):
        recorded = session.recorded_state()
        current = session.current_state(recorded)
        plan = image_build_plan(session.desired_state(current), current, recorded, session.settings)
        deployment.carry_out(session, plan)
    assert {name for name, image in deployment.recorded.images.items() if image.image} == {
        "alpha",
        "base",
        "base-directory",
        "base-page",
        "beta",
        "directory",
        "page",
    }
    assert not deployment.recorded.services
    assert not [step.id for step in deployment.plan().steps if step.id.startswith("build")]


def test_steps_independent_of_a_failure_are_carried_out(deployment: Deployment) -> None:
    deployment.cloud.faults = [Fault("POST", "/secrets$", status=403, count=-1)]
    with pytest.raises(DeployError, match="for roles/secretmanager"):
        deployment.up()
    assert {"service guichet-alpha", "service guichet-beta", "api"} <= set(deployment.heard.finished_steps)
    assert "service guichet-directory" not in deployment.heard.finished_steps


def test_a_step_never_comes_before_one_that_it_needs() -> None:
    with pytest.raises(ValueError, match="step a needs b"):
        Plan((Step("a", "create", "a", needs=("b",)), Step("b", "create", "b")))
