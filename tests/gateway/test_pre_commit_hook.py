"""The repository as a source of a pre-commit hook, installed by pre-commit itself without an index."""

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks.harness.gateway_installation import SOURCE, install, repack
from benchmarks.harness.process import ROOT, environment
from gateway.commands.cli import app

VALID = """\
swagger: "2.0"
info: {title: t, version: "1"}
x-google-backend: {address: "https://x.test"}
paths:
  /a:
    get: {operationId: a, responses: {"200": {description: ok}}}
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=folder, env=environment(), capture_output=True, timeout=30, check=True)


def repository(folder: Path) -> Path:
    """A git repository of everything in the folder."""
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "test")
    return folder


def test_the_hook_runs_a_command_of_the_distribution() -> None:
    (hook,) = YAML(typ="safe", pure=True).load(ROOT / ".pre-commit-hooks.yaml")
    program, command = hook["entry"].split()
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    assert project["scripts"][program] == "gateway.commands.cli:app"
    assert command in {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}


@pytest.mark.integration
@pytest.mark.thorough
def test_pre_commit_installs_the_hook_and_it_rejects_an_invalid_document(tmp_path: Path) -> None:
    installed = install(tmp_path)
    repack(distribution("setuptools"), installed.wheels)
    source, project = tmp_path / "guichet", tmp_path / "project"
    shutil.copytree(SOURCE, source / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, source / name)
    project.mkdir()
    (project / "valid.yaml").write_text(VALID)
    (project / "invalid.yaml").write_text(VALID + "host: a:80\n")
    repository(source)
    repository(project)
    variables = environment(
        PIP_CONFIG_FILE="/dev/null",
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(installed.wheels),
        PRE_COMMIT_HOME=str(tmp_path / "pre-commit"),
    )

    def hook(file: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "try-repo", str(source), "api-gateway-check", "--files", file]
        return subprocess.run(
            command, cwd=project, env=variables, capture_output=True, text=True, timeout=110, check=False
        )

    passed = hook("valid.yaml")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    failed = hook("invalid.yaml")
    assert failed.returncode == 1
    assert "invalid.yaml:7: error: $.host" in failed.stdout
