"""The requests for a plan: a fixed number, and one per service. `pytest -s` shows the times."""

from __future__ import annotations

import time

import pytest

from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud

pytestmark = pytest.mark.integration

QUESTIONS = 8


def names(count: int) -> list[str]:
    return [f"model-{number:03}" for number in range(count)]


def test_a_hundred_models_can_be_planned(deployment: Deployment) -> None:
    deployment.write_sources(*names(100))
    start = time.monotonic()
    plan = deployment.plan()
    print(f"\nplan of 100 models: {time.monotonic() - start:.1f} s")
    assert sum(step.id.startswith("service") for step in plan.steps) == 102


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=[pytest.mark.thorough, pytest.mark.timeout(600)])])
def test_a_plan_needs_a_fixed_number_of_commands_and_a_request_per_service(deployment: Deployment, count: int) -> None:
    deployment.write_sources(*names(count))
    deployment.up()
    assert isinstance(deployment.run, FakeGcloud)
    deployment.run.commands.clear()
    deployment.cloud.log.clear()
    start = time.monotonic()
    assert not deployment.up()
    print(f"\nup of {count} unchanged models: {time.monotonic() - start:.1f} s")
    assert len(deployment.run.commands) == QUESTIONS
    services = count + 2  # their policies
    assert len(deployment.cloud.log) <= 2 * QUESTIONS + services
    assert not deployment.cloud.writes
