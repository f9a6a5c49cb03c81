"""A whole life, with the real gcloud: nothing, everything, nothing new, one model more, back, nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.record import Deliverables
from tests.deploy.cloud.server import serving
from tests.deploy.cloud.state import PROJECT, Cloud
from tests.deploy.real import Checkout, gcloud_environment

pytestmark = [
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def project(tls: Path) -> Iterator[Cloud]:
    """A project in which something is already."""
    cloud = Cloud()
    cloud.enable("storage-component.googleapis.com")
    cloud.resources[f"projects/{PROJECT}/secrets/somebody-elses"] = {
        "name": f"projects/{PROJECT}/secrets/somebody-elses"
    }
    with serving(cloud, tls):
        yield cloud
    assert not cloud.unknown


@pytest.fixture(scope="module")
def checkout(project: Cloud, tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The repository with a catalog of one model."""
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    return Checkout.make(tmp_path_factory.mktemp("checkout"), environment, "alpha")


def test_a_deployment_lives_with_the_real_gcloud(project: Cloud, checkout: Checkout) -> None:
    before = set(project.resources)

    code, said = checkout.deploy("doctor", "--fix")
    assert (code, said.splitlines()[-1]) == (
        0,
        "All prerequisites are met. You can proceed with the deployment.",
    ), said

    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    recorded = Deliverables(checkout.record).read()
    assert recorded.latest
    assert recorded.latest.models == ("alpha",)
    assert set(recorded.services) == {"guichet-alpha", "guichet-directory", "guichet-page"}
    assert recorded.gateway.url == f"http://{project.address}"
    keys = [name for name in project.resources if "/keys/" in name]
    assert project.resources[keys[0]]["keyString"] not in checkout.record.read_text(encoding="utf-8") + said

    project.log.clear()
    start = time.monotonic()
    code, said = checkout.deploy("up", "--yes")
    assert (code, "nothing to do" in said) == (0, True), said
    assert not project.writes
    print(f"an `up` without changes took {time.monotonic() - start:.1f} s")

    checkout.write_catalog("alpha", "beta")
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    made = [(entry.method, entry.path.rsplit("/", 1)[-1]) for entry in project.writes]
    assert made.count(("POST", "builds")) == 1
    assert made.count(("POST", "services")) == 1
    assert not [path for method, path in made if method == "PUT"]
    assert made.count(("POST", "configs")) == 1
    assert made.count(("PATCH", "guichet")) == 1

    code, said = checkout.deploy("rollback", "--yes")
    assert code == 0, said
    code, said = checkout.deploy("status", "--json")
    shown = json.loads(said)
    assert shown["config"] == recorded.latest.config
    assert shown["models"][0]["latency"] > 0

    code, said = checkout.deploy("down", "--yes")
    assert code == 0, said
    left = {
        name for name in set(project.resources) - before if not name.startswith(("objects/", "images/", "buckets/"))
    }
    assert {name for name in left if "/builds/" not in name and "/keys/" not in name} == set()
    assert before <= set(project.resources)
    assert Deliverables(checkout.record).read().created == ()
