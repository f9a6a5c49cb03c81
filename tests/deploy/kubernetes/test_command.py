"""`python -m deploy manifests`."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT

pytestmark = pytest.mark.integration


def test_the_command_writes_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text('- {key: local, consumer: "1111"}\n')
    command = [sys.executable, "-m", "deploy", "manifests", "--target=knative", "--registry=r.example.com/guichet"]
    command += [f"--keys={keys}", f"--output={tmp_path / 'out'}", "--models=resnet18"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert files == dict.fromkeys(
        (
            "directory.yaml",
            "gateway.yaml",
            "kustomization.yaml",
            "model-resnet18.yaml",
            "network-policies.yaml",
            "page.yaml",
        ),
        0o600,
    )


def test_the_command_explains_an_invalid_option(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy", "manifests", "--target=nomad", "--registry=r", "--output=x"]
    keys = tmp_path / "keys.yaml"
    keys.write_text('- {key: local, consumer: "1111"}\n')
    run = subprocess.run(
        [*command, f"--keys={keys}"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "200", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert "--target should be one of kubernetes, knative, kserve" in run.stderr
    assert "Traceback" not in run.stderr
