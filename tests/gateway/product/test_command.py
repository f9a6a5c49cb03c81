"""`python -m gateway render`."""

import json
from pathlib import Path

import pytest

from gateway.commands.check import check_document
from tests.gateway.running_gateway import cli

pytestmark = pytest.mark.integration

ADDRESS, DIRECTORY = "--address=resnet18=https://r.test", "--directory=https://d.test"


@pytest.mark.parametrize("name", ["api.yaml", "api.json"])
def test_it_writes_a_document_without_errors(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run = cli("render", ADDRESS, DIRECTORY, f"--output={path}")
    assert run.returncode == 0, run.stderr
    checked = check_document(path, with_schema=True)
    assert checked.diagnostics == ()
    assert "/v1/models/resnet18/predict" in checked.document.data["paths"]
    assert path.read_text().startswith("{") == (name == "api.json")


def test_it_prints_yaml_the_public_document_or_the_bootstrap() -> None:
    assert "x-google-backend" in cli("render", ADDRESS, DIRECTORY).stdout
    assert "x-google-backend" not in cli("render", ADDRESS, DIRECTORY, "--public").stdout
    assert "static_resources" in json.loads(cli("render", ADDRESS, DIRECTORY, "--bootstrap").stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "subject"),
    [
        pytest.param(("--address=nope=https://x.test",), 1, "nope", id="unknown-model"),
        pytest.param(("--models=resnet18", DIRECTORY), 1, "resnet18", id="no-address"),
        pytest.param((ADDRESS,), 1, "directory", id="no-directory"),
        pytest.param(("--address=resnet18",), 2, "NAME=URL", id="no-url"),
    ],
)
def test_a_missing_or_invalid_argument_is_explained(arguments: tuple[str, ...], code: int, subject: str) -> None:
    run = cli("render", *arguments)
    assert run.returncode == code
    assert subject in run.stderr
    assert "Traceback" not in run.stderr
