"""How everything is, on one screen or as JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from deploy.report.status import DeploymentStatus, status_table
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_google_cloud.state import PROJECT, Fault

pytestmark = pytest.mark.integration

PLACE = f"projects/{PROJECT}/locations/us-central1"


def read(status: DeploymentStatus) -> str:
    """What is on the screen."""
    console = Console(file=io.StringIO(), width=240)
    console.print(status_table(status))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_each_model_has_a_row(deployment: Deployment) -> None:
    deployment.first_up()
    status, recorded = deployment.session().status(), deployment.recorded
    assert status.healthy
    assert [model.name for model in status.models] == ["alpha", "beta"]
    alpha = status.models[0]
    assert alpha.build == recorded.images["alpha"].build
    assert alpha.revision == recorded.services["guichet-alpha"].revision
    assert recorded.images["alpha"].image == f"{deployment.settings.image('alpha')}:{alpha.build}@{alpha.digest}"
    assert (alpha.traffic, alpha.url, alpha.ready) == ("newest", recorded.services["guichet-alpha"].url, True)
    assert alpha.latency is not None
    line = next(line for line in read(status).splitlines() if " alpha " in line)
    assert f"{alpha.latency:.0f} ms" in line
    assert alpha.build[:8] in line
    assert (status.gateway, status.gateway_state, status.config) == (
        recorded.gateway.url,
        "active",
        recorded.gateway.config,
    )
    assert status.page
    assert status.page.url in read(status)


def test_json_has_the_same_fields(deployment: Deployment) -> None:
    deployment.first_up()
    told = json.loads(json.dumps(deployment.session().status().as_json()))
    assert told["healthy"] is True
    assert told["release"] == 1
    assert {"build", "digest", "revision", "traffic", "url", "ready", "latency"} <= told["models"][0].keys()


def test_a_model_that_does_not_respond_is_shown(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.faults = [Fault("GET", "/v1/models/beta/ready$", status=504, count=-1)]
    status = deployment.session().status()
    assert not status.healthy
    assert status.models[1].latency is None
    assert "through the gateway: 504" in read(status)


def test_a_missing_or_unready_service_is_shown(deployment: Deployment) -> None:
    deployment.first_up()
    deployment.cloud.remove(f"{PLACE}/services/guichet-alpha")
    conditions = deployment.cloud.resources[f"{PLACE}/services/guichet-beta"]["status"]["conditions"]
    conditions[0] |= {"status": "False", "message": "It ran out of memory"}
    alpha, beta = deployment.session().status().models
    assert alpha.says == "does not exist"
    assert beta.says == "It ran out of memory"


def test_pinned_traffic_is_shown_with_the_image_that_serves(deployment: Deployment) -> None:
    deployment.first_up()
    first = deployment.session().status().models[0]
    (deployment.folder / "services/classifier/app.py").write_text("newer\n", encoding="utf-8")
    deployment.up()
    service = deployment.cloud.resources[f"{PLACE}/services/guichet-alpha"]
    service["spec"]["traffic"] = [{"revisionName": first.revision, "percent": 100}]
    shown = deployment.session().status().models[0]
    assert (shown.traffic, shown.revision, shown.build) == ("pinned", first.revision, first.build)


def test_without_a_deployment_the_remedy_is_shown(deployment: Deployment) -> None:
    status = deployment.session().status()
    assert not status.healthy
    assert "No model is deployed: `make deploy`." in read(status)
