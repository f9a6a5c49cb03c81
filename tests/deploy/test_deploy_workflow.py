"""The workflow of docs/deploy-workflow.yml: its steps, in order, against the fake cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks.harness.process import ROOT
from tests.deploy.test_exercise import checkout, environment, run

pytestmark = pytest.mark.integration

__all__ = ["checkout", "environment"]  # the fixtures


def steps() -> list[dict[str, Any]]:
    """The steps of the only job."""
    workflow = YAML(typ="safe", pure=True).load(ROOT / "docs/deploy-workflow.yml")
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_the_steps_deploy(environment: dict[str, str], checkout: Path) -> None:
    commands = [step["run"].removeprefix(".venv/bin/") for step in steps() if "python -m deploy" in step.get("run", "")]
    assert [command.split()[3] for command in commands] == ["doctor", "plan", "up", "status"]
    assert run("python -m deploy doctor --fix", environment, checkout).returncode == 0
    for command in commands:
        done = run(command, environment, checkout)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_workflow_signs_in_without_a_key() -> None:
    sign_in = next(step for step in steps() if "google-github-actions/auth" in step.get("uses", ""))
    assert set(sign_in["with"]) == {"workload_identity_provider", "service_account"}
