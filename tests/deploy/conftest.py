"""A cloud on loopback, and a small deployment to bring to it."""

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
    """The folder of the certificate that the cloud shows."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture
def cloud(tls: Path) -> Iterator[Cloud]:
    """A project with nothing in it; a request that it does not know fails the test."""
    cloud = Cloud()
    with serving(cloud, tls):
        yield cloud
    assert not cloud.unknown


@pytest.fixture
def deployment(cloud: Cloud, tmp_path: Path) -> Deployment:
    """Two models to deploy, with the fake gcloud for gcloud."""
    deployment = Deployment(tmp_path, cloud, FakeGcloud(cloud.address, tmp_path))
    deployment.write_sources("alpha", "beta")
    return deployment
