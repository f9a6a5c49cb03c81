"""Documents and the bootstraps they become: as written down, and as Envoy itself accepts them."""

import json
import subprocess
from pathlib import Path

import pytest

from gateway.process import envoy_binary
from tests.gateway.golden import EXAMPLES, compiled, examples, golden


@pytest.fixture(params=examples(), ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_a_document_becomes_the_bootstrap_that_is_written_down(example: Path) -> None:
    assert json.loads(json.dumps(compiled(example))) == golden(example), "see tests/gateway/golden.py"


def test_envoy_accepts_the_bootstrap(example: Path, tmp_path: Path) -> None:
    config = tmp_path / "bootstrap.json"
    config.write_text(json.dumps(golden(example)))
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(config), "--disable-hot-restart", "-l", "error"]
    run = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    assert "OK" in run.stdout
