"""`python -m gateway check`: everything in one pass, with lines."""

import json
from pathlib import Path

import pytest

from gateway.commands.check import check_document
from gateway.document.source import Additions
from tests.gateway.documents import valid_document
from tests.gateway.running_gateway import cli

INVALID = """\
swagger: "2.0"
info: {title: t, version: 1.0.0}
host: api.example:443
paths:
  /v1/item_{id}:
    get:
      operationId: same
      x-google-backend: {address: "https://x.test", path_translation: APPEND}
      responses: {"200": {description: ok}}
  /v1/things:
    get:
      operationId: same
      x-google-backend:
        path_translation: CONSTANT_ADDRESS
      responses: {"200": {$ref: "other.yaml#/ok"}}
      security: [{api_key: []}]
      sumary: a field that OpenAPI does not have
"""


def test_all_errors_are_reported_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(INVALID)
    found = check_document(path, with_schema=True)
    assert [(error.line, error.json_path) for error in found.diagnostics] == [
        (3, "$.host"),
        (5, "$.paths['/v1/item_{id}']"),
        (8, "$.paths['/v1/item_{id}'].get.x-google-backend.path_translation"),
        (12, "$.paths['/v1/things'].get.operationId"),
        (13, "$.paths['/v1/things'].get.x-google-backend"),
        (15, "$.paths['/v1/things'].get.responses['200'].$ref"),
        (16, "$.paths['/v1/things'].get.security[0].api_key"),
        (17, "$.paths['/v1/things'].get.sumary"),
    ]
    assert found.fatal


@pytest.mark.parametrize(("name", "warnings"), [("api.yml", 0), ("api.json", 0), ("api.yaml.tpl", 1), ("api", 1)])
def test_a_file_name_that_google_does_not_accept_is_a_warning(tmp_path: Path, name: str, warnings: int) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(valid_document()))
    found = check_document(path, with_schema=True)
    assert [diagnostic.rule for diagnostic in found.diagnostics] == ["file_has_a_known_suffix"] * warnings
    assert not found.fatal
    # A template is not the file that is deployed.
    assert check_document(path, with_schema=True, additions=Additions({"NAME": "x"})).diagnostics == ()


@pytest.mark.integration
def test_the_command_reports_and_counts_errors(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(INVALID)
    run = cli("check", str(path))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines()[-1] == f"{path}: 8 errors"


@pytest.mark.integration
def test_the_command_accepts_a_valid_document(tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    # YAML does not allow tabs here, JSON does.
    path.write_text(json.dumps(valid_document(), indent="\t"))
    run = cli("check", str(path))
    assert (run.returncode, run.stdout, run.stderr) == (0, f"{path}: can be deployed\n", "")


@pytest.mark.integration
def test_the_command_reports_a_missing_file_without_a_traceback(tmp_path: Path) -> None:
    run = cli("check", str(tmp_path / "nope.yaml"))
    assert run.returncode == 1
    assert "No such file" in run.stderr
    assert "Traceback" not in run.stderr
