"""Carrying out a plan: what is recorded when, what is said, and what is put back."""

from __future__ import annotations

import json

import pytest

from deploy.difference import image_difference
from deploy.errors import DeployError, RecordError
from deploy.steps import Build, Plan, Step
from tests.deploy.cloud import keys
from tests.deploy.cloud.state import PROJECT, Fault
from tests.deploy.world import World

PLACE = f"projects/{PROJECT}/locations"


def test_everything_exists_and_is_recorded(world: World) -> None:
    world.up()
    recorded, resources = world.recorded, world.cloud.resources
    services = [resources[f"{PLACE}/us-central1/services/{name}"] for name in recorded.services]
    assert set(recorded.services) == {"guichet-alpha", "guichet-beta", "guichet-directory", "guichet-page"}
    for service in services:
        assert service["status"]["conditions"][0]["status"] == "True"
        entry = recorded.services[service["metadata"]["name"]]
        assert (entry.url, entry.revision) == (service["status"]["url"], service["status"]["latestReadyRevisionName"])
    for name, image in recorded.images.items():
        build = resources[f"{PLACE}/global/builds/{image.build}"]
        assert build["substitutions"]["_APP_URI"].endswith(f"/guichet-{name}")
        assert image.image == f"{build['images'][0]}@{build['results']['images'][0]['digest']}"
        assert image.log == build["logUrl"]
    gateway = resources[f"{PLACE}/us-central1/gateways/guichet"]
    assert gateway["apiConfig"].endswith(f"/{recorded.gateway.config}")
    assert recorded.gateway.url == f"http://{gateway['defaultHostname']}"
    assert recorded.latest
    assert (recorded.latest.release, recorded.latest.models) == (1, ("alpha", "beta"))


def test_the_key_is_restricted_and_kept_in_its_secret_and_nowhere_else(world: World) -> None:
    world.up()
    key = world.cloud.resources[f"{PLACE}/global/keys/{world.recorded.gateway.key}"]
    managed = world.cloud.resources[f"{PLACE}/global/apis/guichet"]["managedService"]
    assert key["restrictions"] == {"apiTargets": [{"service": managed}]}
    assert keys.content(world.cloud, "guichet-key") == key["keyString"]
    assert key["keyString"] not in world.record
    assert key["keyString"] not in "".join(world.heard.said)
    for path in (world.folder / ".run/deploy").iterdir():
        assert key["keyString"] not in path.read_text(encoding="utf-8")


def test_no_service_but_the_page_may_be_called_by_everybody(world: World) -> None:
    world.up()
    public = {
        name.rsplit("/", 1)[-1] for name, policy in world.cloud.policies.items() if "allUsers" in json.dumps(policy)
    }
    assert public == {"guichet-page"}


def test_a_second_run_changes_nothing(world: World) -> None:
    world.up()
    record = world.record
    world.cloud.log.clear()
    assert not world.up()
    assert not world.cloud.writes
    assert world.record == record


def test_a_model_more_leaves_the_page_and_the_directory_untouched(world: World) -> None:
    world.up()
    world.write_catalog("alpha", "beta", "gamma")
    world.cloud.log.clear()
    world.up()
    written = [(entry.method, entry.path.rsplit("/", 1)[-1]) for entry in world.cloud.writes]
    assert written.count(("POST", "builds")) == 1
    assert written.count(("POST", "services")) == 1
    assert written.count(("POST", "configs")) == 1
    assert written.count(("PATCH", "guichet")) == 1
    assert not [path for method, path in written if method == "PUT"]


def test_a_model_less_goes_with_its_service_and_its_entries(world: World) -> None:
    world.up()
    world.write_catalog("alpha")
    world.up()
    assert f"{PLACE}/us-central1/services/guichet-beta" not in world.cloud.resources
    assert "guichet-beta" not in world.recorded.services
    assert "service guichet-beta" not in world.recorded.created
    assert not world.plan()


def test_a_build_is_recorded_before_it_has_ended(world: World) -> None:
    at_the_end: list[str] = []
    world.cloud.before_write = lambda method, path: (
        at_the_end.append(world.record) if path.endswith("services") else None
    )
    world.up()
    first = at_the_end[0]
    assert first.count("build: ") >= 1
    world.cloud.before_write = lambda method, path: None


def test_a_build_under_way_is_followed_and_not_submitted_again(world: World) -> None:
    world.up()
    world.write_catalog("alpha", "beta", "gamma")
    session = world.session()
    recorded = session.recorded()
    plan = session.plan(recorded, session.actual(recorded))
    build = next(step for step in plan.steps if step.id == "build gamma").actions[0]
    assert isinstance(build, Build)
    # Submitted by a run that ended before it noted so: where the source is kept tells what it was made from.
    world.cloud.slow = 9
    session.gcloud(build.argv)
    world.cloud.slow = 0
    world.cloud.log.clear()
    assert next(step for step in world.plan().steps if step.id == "build gamma").why == "it is being built"
    world.up()
    assert not [entry for entry in world.cloud.writes if entry.path.endswith("/builds")]
    assert world.recorded.images["gamma"].image


def test_a_failed_build_shows_the_end_of_its_log_and_stops_what_needs_it(world: World) -> None:
    world.cloud.faults = [Fault("POST", "/builds$", operation="step 1 exited with 2", count=4)]
    with pytest.raises(DeployError) as failed:
        world.up()
    said = str(failed.value)
    assert "The build of guichet-alpha ended with FAILURE: step 1 exited with 2." in said
    assert "the last line of the log" in said
    assert "https://console.cloud.google.com/cloud-build/builds/" in said
    assert "service guichet-alpha" not in world.heard.finished_steps
    assert "api" in world.heard.finished_steps


def test_a_revision_that_does_not_start_is_tried_anew_with_another_template(world: World) -> None:
    world.cloud.faults = [Fault("POST", "/namespaces/[^/]+/services$", operation="the container failed to start")]
    with pytest.raises(DeployError, match="the container failed to start"):
        world.up()
    world.up()
    attempts = [
        revision["metadata"]["name"] for name, revision in world.cloud.resources.items() if "/revisions/" in name
    ]
    assert len(attempts) == 5
    assert not world.plan()


def test_when_a_model_does_not_answer_the_gateway_is_put_back(world: World) -> None:
    world.up()
    former = world.recorded.gateway.config
    world.write_catalog("alpha", "beta", "gamma")
    world.cloud.faults = [Fault("GET", "/v1/models/gamma/ready$", status=503, count=-1, message="not today")]
    with pytest.raises(DeployError) as failed:
        world.up()
    said = str(failed.value)
    assert "1 of 3 models did not answer through http://127.0.0.1" in said
    assert "GET /v1/models/gamma/ready answered 503" in said
    assert f"The gateway was put back to {former}." in said
    gateway = world.cloud.resources[f"{PLACE}/us-central1/gateways/guichet"]
    assert gateway["apiConfig"].endswith(f"/{former}")
    assert world.recorded.gateway.config == former
    assert world.recorded.latest
    assert world.recorded.latest.release == 1
    world.cloud.faults = []
    world.up()
    assert not world.plan()
    assert world.recorded.latest.release == 2


def test_a_first_deployment_that_does_not_answer_says_that_there_is_nothing_to_go_back_to(world: World) -> None:
    world.cloud.faults = [Fault("GET", "/v1/models/.*/ready$", status=503, count=-1)]
    with pytest.raises(DeployError, match="there is no former one"):
        world.up()


def test_an_answer_that_takes_its_time_is_waited_for(world: World) -> None:
    world.patience = 10
    world.cloud.faults = [Fault("GET", "/v1/models/alpha/ready$", status=404, count=1)]
    world.up()
    assert any("asking again" in said for said in world.heard.said)


def test_a_change_that_is_under_way_is_waited_for(world: World) -> None:
    world.up()
    gateway = world.cloud.resources[f"{PLACE}/us-central1/gateways/guichet"]
    world.cloud.slow = 25
    with world.cloud.lock:
        gateway["state"] = "UPDATING"
        world.cloud.operation("update", gateway["name"])
    assert not world.up()
    assert "Waiting for a change that is under way: gateway guichet" in world.heard.said


def test_a_record_of_another_project_is_not_touched(world: World) -> None:
    (world.folder / "deliverables.yaml").write_text("project: another-project\n", encoding="utf-8")
    with pytest.raises(RecordError, match="records project another-project, and this run is for guichet-test"):
        world.up()
    assert not world.cloud.writes


def test_images_alone_can_be_built(world: World) -> None:
    session = world.session()
    with session.deliverables.held("build"):
        recorded = session.recorded()
        actual = session.actual(recorded)
        plan = image_difference(session.desired(actual), actual, recorded, session.settings)
        world.carry_out(session, plan)
    assert {name for name, image in world.recorded.images.items() if image.image} == {
        "alpha",
        "beta",
        "directory",
        "page",
    }
    assert not world.recorded.services
    assert not [step.id for step in world.plan().steps if step.id.startswith("build")]


def test_what_does_not_depend_on_a_failure_is_done(world: World) -> None:
    world.cloud.faults = [Fault("POST", "/secrets$", status=403, count=-1)]
    with pytest.raises(DeployError, match="for roles/secretmanager"):
        world.up()
    assert {"service guichet-alpha", "service guichet-beta", "api"} <= set(world.heard.finished_steps)
    assert "service guichet-directory" not in world.heard.finished_steps


def test_a_step_never_comes_before_one_that_it_needs() -> None:
    with pytest.raises(ValueError, match="step a needs b"):
        Plan((Step("a", "create", "a", needs=("b",)), Step("b", "create", "b")))
