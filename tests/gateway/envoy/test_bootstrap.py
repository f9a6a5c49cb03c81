"""The examples: documents and the bootstraps they become."""

import json
import subprocess
from pathlib import Path

import pytest

from gateway.envoy.envoy_process import envoy_binary
from tests.gateway.update_golden import EXAMPLES, actual_bootstrap, examples, golden_bootstrap


@pytest.fixture(params=examples(), ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_a_document_becomes_its_golden_bootstrap(example: Path) -> None:
    actual = json.loads(json.dumps(actual_bootstrap(example)))
    assert actual == golden_bootstrap(example), "run `python -m tests.gateway.update_golden` and read the difference"


@pytest.mark.integration
def test_envoy_accepts_the_bootstrap(example: Path, tmp_path: Path) -> None:
    config = tmp_path / "bootstrap.json"
    config.write_text(json.dumps(golden_bootstrap(example)))
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(config), "--disable-hot-restart", "-l", "error"]
    run = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    assert "OK" in run.stdout
