"""A hundred models: planned at once, and asked about no more than three. The times are printed (`pytest -s`)."""

from __future__ import annotations

import time

import pytest

from tests.deploy.stand_in import StandIn
from tests.deploy.world import World

QUESTIONS = 8


def names(count: int) -> list[str]:
    return [f"model-{number:03}" for number in range(count)]


def test_a_hundred_models_are_planned_in_time(world: World) -> None:
    world.write_sources(*names(100))
    start = time.monotonic()
    plan = world.plan()
    print(f"\nplan of 100 models: {time.monotonic() - start:.1f} s")
    assert sum(step.id.startswith("service") for step in plan.steps) == 102


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=[pytest.mark.thorough, pytest.mark.timeout(600)])])
def test_unchanged_models_are_asked_about_together(world: World, count: int) -> None:
    world.write_sources(*names(count))
    world.up()
    assert isinstance(world.run, StandIn)
    world.run.commands.clear()
    world.cloud.log.clear()
    start = time.monotonic()
    assert not world.up()
    print(f"\nup of {count} unchanged models: {time.monotonic() - start:.1f} s")
    assert len(world.run.commands) == QUESTIONS
    assert len(world.cloud.log) < 2 * QUESTIONS
    assert not world.cloud.writes
