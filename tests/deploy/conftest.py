"""A cloud on loopback, and a small deployment to bring to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.cloud.server import serving
from tests.deploy.cloud.state import Cloud
from tests.deploy.stand_in import StandIn
from tests.deploy.world import World


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
def world(cloud: Cloud, tmp_path: Path) -> World:
    """Two models to deploy, with the stand-in for gcloud."""
    world = World(tmp_path, cloud, StandIn(cloud.address, tmp_path))
    world.write_sources("alpha", "beta")
    return world
