"""Documents with placeholders, without backends, and on standard input."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.commands.check import check_document
from gateway.document.source import Additions, read_source, with_default_backend, with_placeholders
from tests.gateway.documents import document as build
from tests.gateway.documents import one_path, operation
from tests.gateway.running_gateway import cli


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        pytest.param("address: ${URL}", {"URL": "https://x.test"}, "address: https://x.test", id="braces"),
        pytest.param("a: APP_URL/x", {"APP_URL": "https://x.test"}, "a: https://x.test/x", id="word-in-capitals"),
        pytest.param("$url/x $URLS", {"url": "https://x.test", "URL": "b"}, "https://x.test/x $URLS", id="dollar-sign"),
        pytest.param("REGION-PROJECT.net", {"REGION": "eu", "PROJECT": "p"}, "eu-p.net", id="hyphen-between-two"),
        pytest.param("MY_APP_URL", {"APP_URL": "x"}, "MY_APP_URL", id="part-of-a-word"),
        pytest.param("host: ${host}", {"host": "x.test"}, "host: x.test", id="small-letters-need-braces"),
        pytest.param("APP APP_ID", {"APP": "a", "APP_ID": "b"}, "a b", id="one-name-begins-another"),
        pytest.param("${A}", {"A": "${B} B", "B": "c"}, "${B} B", id="values-are-not-searched"),
        pytest.param("${OTHER}", {"A": "b"}, "${OTHER}", id="unknown-placeholders-stay"),
    ],
)
def test_placeholders_are_replaced(text: str, values: dict[str, str], expected: str) -> None:
    assert with_placeholders(text, values) == expected


def test_a_placeholder_may_be_a_number(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    text = yaml.safe_dump(one_path("https://SERVICE.test") | {"x-google-backend": {"address": "https://y.test"}})
    path.write_text(re.sub("address: https://y.test", "address: https://y.test\n  deadline: ${DEADLINE}", text))
    data = read_source(path, Additions({"DEADLINE": "2.5", "SERVICE": "cats"})).data
    assert data["x-google-backend"]["deadline"] == 2.5
    assert data["paths"]["/x"]["get"]["x-google-backend"]["address"] == "https://cats.test"


def test_operations_without_a_backend_get_the_default_one(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(yaml.safe_dump(build({"/x": {"get": {}}, "/y": {"get": operation("https://y.test")}})))
    assert check_document(path).fatal
    checked = check_document(path, additions=Additions(default_backend="https://default.test"))
    assert checked.diagnostics == ()
    assert checked.document.data["x-google-backend"]["disable_auth"] is True


def test_a_backend_of_the_whole_document_is_kept() -> None:
    data = one_path("https://x.test") | {"x-google-backend": {"address": "https://y.test"}}
    assert with_default_backend(data, "https://default.test") == data


def test_an_openapi_3_document_names_its_default_backend() -> None:
    data = {"openapi": "3.0.3", "x-google-api-management": {"backends": {"own": {"address": "https://x.test"}}}}
    changed = with_default_backend(data, "https://default.test")
    backends = changed["x-google-api-management"]["backends"]
    assert set(backends) == {"own", changed["x-google-backend"]}
    assert backends[changed["x-google-backend"]]["address"] == "https://default.test"


@pytest.mark.integration
def test_check_reads_standard_input() -> None:
    run = cli("check", "-", stdin=yaml.safe_dump(one_path("https://x.test")))
    assert (run.returncode, run.stdout, run.stderr) == (0, "stdin: can be deployed\n", "")


@pytest.mark.integration
def test_standard_input_that_is_not_a_document_is_an_error_in_its_line() -> None:
    run = cli("check", "-", stdin="swagger: '2.0'\npaths: [")
    assert run.returncode == 1
    assert run.stderr.startswith("stdin:3: error: ")
