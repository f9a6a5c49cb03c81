"""The real gcloud: a plan for an empty project; deployments from nothing, without changes, and with another model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.deliverables import Deliverables
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud
from tests.deploy.real_gcloud import Checkout, empty_project, gcloud_environment

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def project(tls: Path) -> Iterator[Cloud]:
    """An empty project."""
    with empty_project(tls) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def checkout(project: Cloud, tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The repository with a catalog of one model."""
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    return Checkout.make(tmp_path_factory.mktemp("checkout"), environment, "alpha")


def test_an_empty_project_is_read_and_nothing_is_written(project: Cloud, checkout: Checkout) -> None:
    code, said = checkout.deploy("plan")
    assert code == 0, said
    assert "create service guichet-alpha" in said
    assert not project.writes


@pytest.mark.thorough
def test_a_deployment_a_second_run_and_a_new_model(project: Cloud, checkout: Checkout) -> None:
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    recorded = Deliverables(checkout.record).read()
    assert recorded.latest
    assert recorded.latest.models == ("alpha",)
    assert set(recorded.services) == {"guichet-alpha", "guichet-directory", "guichet-page"}
    assert recorded.gateway.url == f"http://{project.address}"
    key = project.resources[f"projects/{PROJECT}/locations/global/keys/{recorded.gateway.key}"]
    assert key["keyString"] not in checkout.record.read_text(encoding="utf-8") + said

    project.log.clear()
    code, said = checkout.deploy("up", "--yes")
    assert (code, "nothing to do" in said) == (0, True), said
    assert not project.writes

    checkout.write_catalog("alpha", "beta")
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    made = [(entry.method, entry.path.rsplit("/", 1)[-1]) for entry in project.writes]
    assert made.count(("POST", "builds")) == 1
    assert made.count(("POST", "services")) == 1
    assert not [path for method, path in made if method == "PUT"]
    assert made.count(("POST", "configs")) == 1
    assert made.count(("PATCH", "guichet")) == 1
