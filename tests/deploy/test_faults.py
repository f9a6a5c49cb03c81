"""Whatever goes wrong at a write: run again, and the end is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.cloud.server import serving
from tests.deploy.cloud.state import Cloud
from tests.deploy.stand_in import StandIn
from tests.deploy.troubles import TROUBLES, Reference, Trouble, check, reference, up_until_done
from tests.deploy.world import World


def small_world(cloud: Cloud, folder: Path) -> tuple[World, StandIn]:
    """One model to deploy."""
    gcloud = StandIn(cloud.address, folder)
    world = World(folder, cloud, gcloud)
    world.write_sources("alpha")
    return world, gcloud


@pytest.fixture(scope="module")
def clean(tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A deployment during which nothing goes wrong."""
    cloud = Cloud()
    with serving(cloud, tls):
        return reference(small_world(cloud, tmp_path_factory.mktemp("clean"))[0])


@pytest.mark.parametrize("trouble", TROUBLES, ids=[trouble.name for trouble in TROUBLES])
def test_a_deployment_of_which_every_write_goes_wrong_once_comes_out_right(
    trouble: Trouble, clean: Reference, cloud: Cloud, tmp_path: Path
) -> None:
    world, gcloud = small_world(cloud, tmp_path)

    def revive() -> None:
        gcloud.dead = False

    faults = []
    for write in clean.writes:
        fault = trouble.fault(write)
        if trouble.deadly:
            fault.apart = lambda: setattr(gcloud, "dead", True)
        faults.append(fault)
    cloud.faults = faults
    up_until_done(world, revive)
    check(world, clean, cloud)
    assert all(fault.hits for fault in faults)
