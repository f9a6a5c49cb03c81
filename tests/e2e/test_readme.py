"""The commands and programs in the README and docs/api.md print the output shown there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.process import ROOT, environment
from tests.e2e.conftest import Product
from tests.services.classifier.protocols.callers import CLIENTS_PYTHON

pytestmark = pytest.mark.integration
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
# `$ curl …` and its one line of output.
SHOWN = re.findall(r"^\$ (curl .+)\n(.+)$", README, re.MULTILINE)
PROGRAMS = re.findall(r"^```python\n(.+?)^```", README + API, re.MULTILINE | re.DOTALL)
# Fields that differ between requests.
VARYING = {"instance", "request_id"}


def test_the_pages_show_three_calls_and_three_programs() -> None:
    assert (len(SHOWN), len(PROGRAMS)) == (3, 3)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[-60:] for command, _ in SHOWN])
def test_a_command_in_the_readme_prints_the_output_shown(product: Product, command: str, output: str) -> None:
    here = command.replace("http://127.0.0.1:8080", product.gateway).replace("'x-api-key: local'", '"x-api-key: $KEY"')
    run = subprocess.run(
        ["bash", "-c", f"{here} --silent"],
        cwd=ROOT,
        env=environment(KEY=product.key),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    printed, shown = json.loads(run.stdout), json.loads(output)
    if isinstance(shown, list):
        assert printed[0]["label"] == shown[0]["label"]
        # The tolerance covers CPUs with and without bf16.
        assert [one["score"] for one in printed] == pytest.approx([one["score"] for one in shown], abs=0.015)
    else:
        assert without_varying(printed) == without_varying(shown)


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.partition("\n")[0] for program in PROGRAMS])
def test_a_python_program_runs_unmodified(product: Product, program: str) -> None:
    address = product.gateway.removeprefix("http://")
    here = program.replace("127.0.0.1:8080", address).replace('"local"', f'"{product.key}"')
    python = CLIENTS_PYTHON if "tritonclient" in program else Path(sys.executable)
    if not python.exists():
        pytest.skip("needs `make clients`")
    run = subprocess.run(
        [python, "-c", here],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert "espresso" in run.stdout.splitlines()[0]


def without_varying(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in VARYING}
