"""Diagnostics in every format of `check`."""

import json
from pathlib import Path

import jsonschema
import pytest

from gateway.commands.report import Report, as_github, as_json, as_sarif, as_text
from gateway.conversion.changes import CHANGED, LOST
from gateway.conversion.convert import changes_for_openapi_3
from gateway.diagnostics import Diagnostic
from gateway.document.parse import parse_document
from tests.gateway.documents import valid_document
from tests.gateway.running_gateway import cli

# Of OASIS, without its descriptions.
SARIF_SCHEMA = Path(__file__).with_name("sarif-schema-2.1.0.json")
ERROR = Diagnostic(("host",), "has a port: 1%", "write x", line=3, rule="host_is_a_host_name")


def warning(line: int) -> Diagnostic:
    place = ("paths", f"/{line}", "get", "x-google-backend")
    return Diagnostic(place, "has no jwt_audience", "write one", fatal=False, line=line, rule="backends_are_valid")


REPORT = Report(Path("api.yaml"), (ERROR, warning(5), warning(8), warning(9)))


def test_text_has_two_lines_for_each_diagnostic_and_groups_identical_warnings() -> None:
    assert list(as_text(REPORT.path, REPORT.diagnostics)) == [
        "api.yaml:3: error: $.host: has a port: 1%",
        "    write x",
        "api.yaml:5: warning: $.paths['/5'].get.x-google-backend: has no jwt_audience",
        "    write one",
        "    the same in lines 8, 9",
    ]


def test_at_most_ten_lines_of_identical_warnings_are_listed() -> None:
    *_, last = as_text(Path("api.yaml"), map(warning, range(1, 14)))
    assert last == "    the same in lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"


def test_identical_errors_are_not_grouped() -> None:
    assert len(list(as_text(Path("api.yaml"), (ERROR, ERROR)))) == 4


def test_json_is_a_list_of_all_diagnostics() -> None:
    found = json.loads(as_json([REPORT, REPORT]))
    assert len(found) == 8
    assert found[0] == {
        "document": "api.yaml",
        "line": 3,
        "severity": "error",
        "rule": "host_is_a_host_name",
        "path": "$.host",
        "message": "has a port: 1%",
        "remedy": "write x",
    }


def test_github_commands_are_escaped() -> None:
    first, *_ = as_github([Report(Path("a,b:c.yaml"), (ERROR,))])
    assert first == ("::error file=a%2Cb%3Ac.yaml,line=3,title=host_is_a_host_name::$.host: has a port: 1%25; write x")


@pytest.mark.parametrize("path", ["api.yaml", "/a folder/api.yaml", "-"], ids=["relative", "absolute", "stdin"])
def test_sarif_is_valid(path: str) -> None:
    log = json.loads(as_sarif([Report(Path(path), REPORT.diagnostics)]))
    schema = json.loads(SARIF_SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker()).validate(log)
    [run] = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["backends_are_valid", "host_is_a_host_name"]
    location = run["results"][0]["locations"][0]
    assert location["physicalLocation"]["region"] == {"startLine": 3}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "$.host"}]


def test_sarif_without_diagnostics_is_valid() -> None:
    schema = json.loads(SARIF_SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(json.loads(as_sarif([])))


@pytest.mark.integration
@pytest.mark.parametrize("form", ["json", "github", "sarif"])
def test_several_documents_are_one_report_for_programs(tmp_path: Path, form: str) -> None:
    valid, invalid, missing = (tmp_path / f"{name}.yaml" for name in ("valid", "invalid", "missing"))
    valid.write_text(json.dumps(valid_document()))
    invalid.write_text(json.dumps(valid_document() | {"host": "a:80"}))
    run = cli("check", str(valid), str(invalid), str(missing), f"--format={form}")
    assert run.returncode == 1
    assert run.stderr == ""
    assert str(invalid) in run.stdout
    assert str(missing) in run.stdout
    assert str(valid) not in run.stdout


@pytest.mark.integration
def test_each_document_has_a_last_line_in_text(tmp_path: Path) -> None:
    first, second = (tmp_path / f"{name}.yaml" for name in ("first", "second"))
    first.write_text(json.dumps(valid_document()))
    second.write_text(json.dumps(valid_document() | {"host": "a:80"}))
    run = cli("check", str(first), str(second))
    assert run.returncode == 1
    assert run.stdout == f"{first}: can be deployed\n"
    assert run.stderr.splitlines()[-1] == f"{second}: 1 error"


ALLOW_ALL = valid_document(**{"x-google-allow": "all", "x-google-backend": {"address": "https://x.test"}})


def test_changes_for_openapi_3_are_notes_and_warnings_in_every_format() -> None:
    document = parse_document(json.dumps(ALLOW_ALL))
    reports = [Report(Path("api.json"), (), tuple(changes_for_openapi_3(document)))]
    severities = {entry["path"]: entry["severity"] for entry in json.loads(as_json(reports))}
    assert (severities["$.swagger"], severities["$.x-google-allow"]) == ("note", "warning")
    [run] = json.loads(as_sarif(reports))["runs"]
    levels = {(result["ruleId"], result["level"]) for result in run["results"]}
    assert levels == {(CHANGED, "note"), (LOST, "warning")}
    github = list(as_github(reports))
    assert github[0] == f"::notice file=api.json,line=1,title={CHANGED}::$.swagger: becomes `openapi: 3.0.4`"
    assert f"::warning file=api.json,line=1,title={LOST}" in {line.partition("::$")[0] for line in github}


@pytest.mark.integration
def test_programs_get_one_report_with_the_changes_for_openapi_3(tmp_path: Path) -> None:
    """Also of a document that is OpenAPI 3 already, and of one with errors: both without changes."""
    path, invalid = tmp_path / "api.json", tmp_path / "invalid.json"
    path.write_text(json.dumps(ALLOW_ALL))
    invalid.write_text(json.dumps(valid_document(host="a:80")))
    already = Path(__file__).parents[1] / "verdicts" / "openapi_3__version_3_1.yaml"
    run = cli("check", "--openapi-3", "--format=json", str(path), str(already), str(invalid))
    assert run.returncode == 1
    changed = {entry["document"] for entry in json.loads(run.stdout) if entry["rule"] in (CHANGED, LOST)}
    assert changed == {str(path)}
