"""Whatever goes wrong at a write: run again, and the end is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cloud.server import serving
from tests.deploy.cloud.state import Cloud
from tests.deploy.stand_in import StandIn
from tests.deploy.troubles import TROUBLES, Reference, Trouble, Write, all_struck, check, reference, up_until_done
from tests.deploy.world import World


def state_before_each_write(world: World) -> list[tuple[Write, Any, str]]:
    """A clean `up`, and what was in the cloud and in the record right before each write."""
    before: list[tuple[Write, Any, str]] = []

    def remember(method: str, path: str) -> None:
        write = Write(method, path)
        # Submissions at the same time may each try to make the bucket, which is there once.
        if not path.endswith("/storage/v1/b") or all(write != known for known, _, _ in before):
            before.append((write, world.cloud.snapshot(), world.record))

    world.cloud.before_write = remember
    world.up()
    world.cloud.before_write = lambda method, path: None
    return before


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
    assert all_struck(faults)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("trouble", TROUBLES, ids=[trouble.name for trouble in TROUBLES])
def test_each_write_alone_may_go_wrong(trouble: Trouble, clean: Reference, cloud: Cloud, tmp_path: Path) -> None:
    """From the state right before each write in turn: that one goes wrong, and no other."""
    world, gcloud = small_world(cloud, tmp_path)
    before = state_before_each_write(world)
    assert {write for write, _, _ in before} == set(clean.writes)
    for write, state, record in before:
        cloud.restore(state)
        (tmp_path / "deliverables.yaml").write_text(record, encoding="utf-8")
        fault = trouble.fault(write)
        if trouble.deadly:
            fault.apart = lambda: setattr(gcloud, "dead", True)
        cloud.faults = [fault]
        runs = up_until_done(world, lambda: setattr(gcloud, "dead", False))
        assert runs <= 3, write
        assert fault.hits, write
        check(world, clean, cloud)
