"""Whatever write fails, running `up` again leads to the same state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.server import serving
from tests.deploy.fake_google_cloud.state import Cloud
from tests.deploy.fault_injection import (
    INJECTED_FAULTS,
    InjectedFault,
    Reference,
    WriteRequest,
    all_struck,
    check,
    reference,
    up_until_done,
)

pytestmark = pytest.mark.integration


def state_before_each_write(deployment: Deployment) -> list[tuple[WriteRequest, Any, str]]:
    """Runs `up`; returns the state of cloud and record before each write."""
    before: list[tuple[WriteRequest, Any, str]] = []

    def remember(method: str, path: str) -> None:
        write = WriteRequest(method, path)
        # Submissions at the same time may each try to make the bucket, which is there once.
        with deployment.cloud.lock:
            if not path.endswith("/storage/v1/b") or all(write != known for known, _, _ in before):
                before.append((write, deployment.cloud.snapshot(), deployment.record))

    deployment.cloud.before_write = remember
    deployment.up()
    deployment.cloud.before_write = lambda method, path: None
    return before


def small_deployment(cloud: Cloud, folder: Path) -> tuple[Deployment, FakeGcloud]:
    """A deployment of one model."""
    gcloud = FakeGcloud(cloud.address, folder)
    deployment = Deployment(folder, cloud, gcloud)
    deployment.write_sources("alpha")
    return deployment, gcloud


@pytest.fixture(scope="module")
def clean(tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A deployment without faults."""
    cloud = Cloud()
    with serving(cloud, tls):
        return reference(small_deployment(cloud, tmp_path_factory.mktemp("clean"))[0])


@pytest.mark.parametrize("injected", INJECTED_FAULTS, ids=[injected.name for injected in INJECTED_FAULTS])
def test_a_deployment_in_which_every_write_fails_once_ends_correctly(
    injected: InjectedFault, clean: Reference, cloud: Cloud, tmp_path: Path
) -> None:
    deployment, gcloud = small_deployment(cloud, tmp_path)

    def revive() -> None:
        gcloud.dead = False

    faults = []
    for write in clean.writes:
        fault = injected.fault(write)
        if injected.deadly:
            fault.apart = lambda: setattr(gcloud, "dead", True)
        faults.append(fault)
    cloud.faults = faults
    up_until_done(deployment, revive)
    check(deployment, clean, cloud)
    assert all_struck(faults)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("injected", INJECTED_FAULTS, ids=[injected.name for injected in INJECTED_FAULTS])
def test_a_deployment_in_which_one_write_fails_ends_correctly(
    injected: InjectedFault, clean: Reference, cloud: Cloud, tmp_path: Path
) -> None:
    """Starts from the state before each write, and lets that write fail."""
    deployment, gcloud = small_deployment(cloud, tmp_path)
    before = state_before_each_write(deployment)
    assert {write for write, _, _ in before} == set(clean.writes)
    for write, state, record in before:
        cloud.restore(state)
        (tmp_path / "deliverables.yaml").write_text(record, encoding="utf-8")
        fault = injected.fault(write)
        if injected.deadly:
            fault.apart = lambda: setattr(gcloud, "dead", True)
        cloud.faults = [fault]
        runs = up_until_done(deployment, lambda: setattr(gcloud, "dead", False))
        assert runs <= 3, write
        assert fault.hits, write
        check(deployment, clean, cloud)
