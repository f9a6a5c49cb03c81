"""The commands of docs/exercise.md, in order, and those of cloudbuild/README.md."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.gcloud_shim import gcloud_on_path

pytestmark = pytest.mark.integration

TEXT = (ROOT / "docs/exercise.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ +(python -m deploy .+)$", TEXT, re.MULTILINE)
READY = "All prerequisites are met. You can proceed with the deployment."


@pytest.fixture
def environment(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with the fake gcloud, one model and a record of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK", "PROJECT_ID"))}
    record = str(deployment.folder / "deliverables.yaml")
    with gcloud_on_path(deployment.cloud, tmp_path_factory.mktemp("bin")) as path:
        yield {**kept, **path, "DELIVERABLES": record, "MODELS": "efficientnet-lite0", "COLUMNS": "200"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository without the files of other runs, which tests of the command line make at the same time."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("cloudbuild", "deploy", "frontend", "gateway", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for entry in ROOT.iterdir():
        if entry.is_file():
            shutil.copy(entry, folder)
    return folder


def run(command: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_every_command_of_the_exercise_works(environment: dict[str, str], checkout: Path) -> None:
    assert len(COMMANDS) == 7
    assert run("python -m deploy doctor --fix", environment, checkout).returncode == 0
    for command in COMMANDS:
        done = run(command, environment, checkout)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if "doctor" in command:
            assert done.stdout.splitlines()[-1] == READY
        if "dry-run" in command:
            assert "gcloud builds submit . --async --config=cloudbuild/image.yaml" in done.stdout
            done = run(command.removesuffix(" --dry-run"), environment, checkout)  # `make build`
            assert (done.returncode, done.stdout.count("created image")) == (0, 6), done.stderr


def test_every_command_of_the_build_files_is_in_the_exercise_or_among_the_tests_of_images() -> None:
    text = " ".join((ROOT / "cloudbuild/README.md").read_text(encoding="utf-8").split())
    found = set(re.findall(r"`(make \w+|python -m [^`]+)`", text))
    # The first is the next without `--dry-run`; the last needs Docker or buildah: see tests/images.
    assert found - set(COMMANDS) == {"make build", "python -m deploy images"}


def test_every_file_that_the_exercise_names_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (Path(ROOT / "docs") / target).exists(), target
    for name in ("_BASE_IMAGE_URI", "_APP_URI", "_SERVING_PORT", "_TARGET_DOCKERFILE"):
        assert name in TEXT
        assert name in (ROOT / "cloudbuild/image.yaml").read_text(encoding="utf-8")
