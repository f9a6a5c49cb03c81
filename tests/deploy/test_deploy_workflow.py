"""The workflow of docs/deploy-workflow.yml: its steps, in order, against the fake cloud."""

from __future__ import annotations

import subprocess
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


def test_the_record_is_committed_and_pushed_if_it_changed(tmp_path: Path) -> None:
    script = next(step["run"] for step in steps() if step.get("name") == "Commit the record")

    def git(*words: str, folder: Path = tmp_path) -> str:
        name = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout

    git("init", "--bare", "remote")
    git("clone", "remote", "clone")
    clone = tmp_path / "clone"
    record = clone / "deliverables.yaml"
    record.write_text("created: []\n", encoding="utf-8")
    git("add", ".", folder=clone)
    git("commit", "--message=First", folder=clone)
    git("push", "--set-upstream", "origin", "HEAD", folder=clone)
    record.write_text("created: [secret guichet-key]\n", encoding="utf-8")
    for _ in range(2):
        subprocess.run(["bash", "-e", "-c", script], cwd=clone, capture_output=True, check=True)
    log = git("log", "--format=%s", "main", folder=tmp_path / "remote")
    assert log.splitlines() == ["Record the deployment", "First"]


def test_the_workflow_signs_in_without_a_key() -> None:
    sign_in = next(step for step in steps() if "google-github-actions/auth" in step.get("uses", ""))
    assert set(sign_in["with"]) == {"workload_identity_provider", "service_account"}
