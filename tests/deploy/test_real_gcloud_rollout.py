"""The real gcloud: a revision is staged, compared, promoted, aborted and rolled back, and the traffic read back."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.deliverables import Deliverables
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud
from tests.deploy.real_gcloud import Checkout, empty_project, gcloud_environment
from tests.deploy.report.test_compare import images, model

pytestmark = [
    pytest.mark.integration,
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
    pytest.mark.timeout(1800),
]

__all__ = ["images"]  # a fixture
SERVICE = "guichet-alpha"


@pytest.fixture
def project(tls: Path) -> Iterator[Cloud]:
    """An empty project."""
    with empty_project(tls) as cloud:
        yield cloud


@pytest.fixture
def checkout(project: Cloud, tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The repository with a catalog of one model, deployed."""
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), environment, "alpha")
    deploy(checkout, "up")
    return checkout


def deploy(checkout: Checkout, *words: str, **more: str) -> str:
    """Runs a command that should succeed; returns its output."""
    code, said = checkout.deploy(*words, YES="1", **more)
    assert code == 0, said
    return said


def stage(checkout: Checkout) -> None:
    """Stages a revision with other sources than before."""
    with (checkout.folder / "services/classifier/__init__.py").open("a", encoding="utf-8") as file:
        file.write("# Changed.\n")
    deploy(checkout, "up", STAGE="1")


def service(checkout: Checkout) -> dict[str, Any]:
    """The service, as gcloud describes it."""
    command = ["gcloud", "run", "services", "describe", SERVICE, "--region=us-central1", "--format=json"]
    done = subprocess.run(command, env=checkout.environment, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def traffic(checkout: Checkout) -> dict[str, int]:
    """The shares of the revisions, by their numbers, without those that get nothing and have no tag."""
    found: dict[str, int] = {}
    for part in service(checkout)["status"]["traffic"]:
        number = re.search(r"-(\d{5})-", part["revisionName"])
        assert number
        name = part.get("tag", "") or number[1]
        found[name] = found.get(name, 0) + part.get("percent", 0)
    return found


def released(checkout: Checkout) -> tuple[int, str]:
    """The number of the newest release, and of its revision."""
    latest = Deliverables(checkout.record).read().latest
    assert latest
    return latest.release, latest.services[SERVICE].revision.split("-")[2]


def test_each_way_from_a_staged_revision_ends_with_the_traffic_it_says(
    checkout: Checkout, project: Cloud, images: Path
) -> None:
    first, old = released(checkout)
    assert traffic(checkout) == {old: 100}

    stage(checkout)
    assert traffic(checkout) == {old: 100, "next": 0}
    place = f"projects/{PROJECT}/locations/us-central1/services/{SERVICE}"
    kept = copy.deepcopy(project.resources[place])
    status = project.resources[place]["status"]
    with model(wrong={("rose", 0)}) as running, model(wrong={("rose", 1), ("rose", 2), ("tulip", 3)}) as staged:
        status["url"] = running
        next(part for part in status["traffic"] if "tag" in part)["url"] = staged
        said = deploy(checkout, "compare", IMAGES=str(images), COLUMNS="200")
    project.resources[place] = kept
    assert "25.0% (4 of 16)" in said
    assert "93.8% → 81.2%" in said
    assert "2 × rose → tulip, 2 × tulip → rose" in said or "2 × tulip → rose, 2 × rose → tulip" in said

    deploy(checkout, "promote", PERCENT="10")
    shares = traffic(checkout)
    assert shares.pop(old) == 90
    assert 10 in shares.values()
    deploy(checkout, "promote")
    second, new = released(checkout)
    assert second == first + 1
    assert new != old
    assert traffic(checkout) == {new: 100}
    deploy(checkout, "rollback")
    assert traffic(checkout) == {old: 100}
    deploy(checkout, "up")
    assert traffic(checkout) == {new: 100}

    for percent in ("", "10"):
        for back in (("abort",), ("rollback", str(released(checkout)[0]))):
            before = traffic(checkout)
            stage(checkout)
            assert traffic(checkout) == {**before, "next": 0}
            if percent:
                deploy(checkout, "promote", PERCENT=percent)
                assert traffic(checkout) != before
            deploy(checkout, *back)
            assert traffic(checkout) == before
    deploy(checkout, "rollback", str(first))
    assert traffic(checkout) == {old: 100}
    stage(checkout)
    deploy(checkout, "abort")
    assert traffic(checkout) == {old: 100}
    deploy(checkout, "rollback", str(second))
    assert traffic(checkout) == {new: 100}
    assert "nothing to do" not in deploy(checkout, "up")
    assert "nothing to do" in deploy(checkout, "up")
