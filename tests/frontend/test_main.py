"""`python -m frontend`: how it starts, refuses to start, and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, environment
from tests.frontend.conftest import Served, served_page

pytestmark = pytest.mark.integration


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "frontend"],
        cwd=ROOT,
        env=environment(**variables) | {"HOME": os.devnull},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_invalid_setting_is_one_line_and_exit_status_1() -> None:
    done = start()
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("frontend: API_GATEWAY")


def test_a_port_in_use_is_one_line_and_exit_status_1(served: Served) -> None:
    port = served.url.rsplit(":", 1)[1]
    done = start(API_GATEWAY="http://127.0.0.1:1", API_KEY="k", PORT=port)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"port {port}" in line


def test_sigterm_stops_the_page(tmp_path: Path) -> None:
    with served_page(tmp_path) as running:
        running.process.terminate()
        assert running.process.wait(10) in {0, -15}
        assert "Traceback" not in (tmp_path / "page.log").read_text()
