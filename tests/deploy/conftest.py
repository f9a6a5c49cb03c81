"""A fake Google Cloud on loopback, and a small deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.server import serving
from tests.deploy.fake_google_cloud.state import Cloud


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the fake cloud's certificate."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="session")
def served_cloud(tls: Path) -> Iterator[Cloud]:
    """A project at one address, so that its state can be restored for another test."""
    cloud = Cloud()
    with serving(cloud, tls):
        yield cloud


@pytest.fixture
def cloud(served_cloud: Cloud) -> Iterator[Cloud]:
    """An empty project; an unknown request fails the test."""
    served_cloud.clear()
    yield served_cloud
    assert not served_cloud.unknown


@pytest.fixture
def deployment(cloud: Cloud, tmp_path: Path) -> Deployment:
    """A deployment of two models with the fake gcloud."""
    deployment = Deployment(tmp_path, cloud, FakeGcloud(cloud.address, tmp_path))
    deployment.write_sources("alpha", "beta")
    return deployment
