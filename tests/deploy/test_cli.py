"""The command line: help, exit codes, error messages and imports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, wait_for
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.gcloud_shim import gcloud_on_path
from tests.forked import run_module

pytestmark = pytest.mark.integration

NEVER = 10**9
NOBODY_SIGNED_IN = """\
#!/bin/sh
case "$1" in
  version) echo '{"Google Cloud SDK": "528.0.0"}' ;;
  *) echo '{}' ;;
esac
"""
COMMANDS = ("doctor", "plan", "build", "up", "status", "logs", "rollback", "down", "cost", "local")


def variables(environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK", "PROJECT_ID"))}
    return {**kept, "COLUMNS": "120", **environment}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m deploy WORDS`, without a terminal."""
    return run_module("deploy", *words, imports="deploy.cli.app", env=variables(environment))


@contextmanager
def start(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m deploy WORDS`, in a process group of its own, which is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", *words],
        cwd=ROOT,
        env=variables(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def cloud_environment(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment in which the command line finds the fake gcloud and a record of its own."""
    with gcloud_on_path(deployment.cloud, tmp_path_factory.mktemp("bin")) as path:
        yield {**path, "DELIVERABLES": str(deployment.folder / "deliverables.yaml"), "MODELS": "efficientnet-lite0"}


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    assert "PROJECT_ID" in done.stdout


def test_help_loads_nothing_of_google() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from deploy.cli.app import app\n"
        "assert CliRunner().invoke(app, ['local', '--help']).exit_code == 0\n"
        "print([name for name in sys.modules if name.startswith(('google', 'grpc'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_without_gcloud_the_message_names_it(tmp_path: Path) -> None:
    done = run("plan", PATH=str(tmp_path), PROJECT_ID="my-project")
    assert done.returncode == 1
    assert "gcloud is not installed" in done.stderr


def test_without_an_account_the_doctor_lists_what_it_will_check(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(NOBODY_SIGNED_IN, encoding="utf-8")
    gcloud.chmod(0o755)
    done = run("doctor", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 1
    assert "no account is signed in\n    gcloud auth login" in done.stdout
    assert "checked once somebody is signed in: the project" in done.stdout


def test_cost_works_offline(tmp_path: Path) -> None:
    done = run("cost", "--requests", "1000000", "--seconds", "0.05", PATH=str(tmp_path), MODELS="efficientnet-lite0")
    assert done.returncode == 0
    assert "1,000,000 requests × 0.05 s × 1 vCPU + page 20 h" in done.stdout
    assert "a month" in done.stdout


def test_plan_up_status_and_down_go_through_the_command_line(
    deployment: Deployment, cloud_environment: dict[str, str]
) -> None:
    done = run("plan", **cloud_environment)
    assert done.returncode == 0, done.stderr
    assert "  + create service guichet-efficientnet-lite0" in done.stdout
    assert "  gcloud run services replace .run/deploy/guichet-efficientnet-lite0.json" in done.stdout

    assert_ctrl_c_ends_it(deployment, cloud_environment)
    done = run("up", **cloud_environment)
    assert done.returncode == 0, done.stderr
    assert f"The API:  http://{deployment.cloud.address}" in done.stdout

    submitted = [entry for entry in deployment.cloud.writes if entry.path.endswith("/builds")]
    assert len(submitted) == 6

    done = run("status", "--json", **cloud_environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["name"] == "efficientnet-lite0"

    done = run("down", **cloud_environment)
    assert done.returncode == 1
    assert "YES=1" in done.stderr

    done = run("down", "--yes", **cloud_environment)
    assert done.returncode == 0, done.stderr
    done = run("down", "--yes", **cloud_environment)
    assert "nothing to remove" in done.stdout


def assert_ctrl_c_ends_it(deployment: Deployment, cloud_environment: dict[str, str]) -> None:
    """Interrupts `up` during its builds: one message, and the builds are in the record."""
    cloud = deployment.cloud
    cloud.before_write = lambda method, path: setattr(cloud, "slow", NEVER if path.endswith("/builds") else 0)
    with start("up", **cloud_environment) as process:
        wait_for(lambda: deployment.record.count("build: ") == 3, 60, "three builds to be recorded")
        os.killpg(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaints.startswith("Interrupted:")
    cloud.before_write, cloud.slow = (lambda method, path: None), 0
    for resource in cloud.resources.values():
        resource |= {"_looks": 0} if "_looks" in resource else {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("plan", "--models", "nonsense"), "has no model 'nonsense'", id="an unknown model"),
        pytest.param(("--region", "nowhere", "plan"), "REGION should be a region", id="a bad region"),
        pytest.param(("rollback",), "There is no release to go back to", id="nothing to go back to"),
        pytest.param(("--deliverables=/proc/none/x.yaml", "up"), "/proc/none cannot be read or", id="no such folder"),
        pytest.param(("plan", "--script=/proc/none/x"), "/proc/none/x cannot be read or written", id="no place"),
        pytest.param(("logs", "nonsense"), "has no model 'nonsense'", id="logs of an unknown model"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    cloud_environment: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    done = run(*words, **cloud_environment)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_make_has_a_target_for_every_command() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    for target in ("doctor", "plan", "build", "deploy", "status", "logs", "rollback", "destroy", "cost"):
        assert f"{target} " in done.stdout
