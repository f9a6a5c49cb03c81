"""The options of the command line."""

import json
from pathlib import Path

import pytest

from tests.gateway.documents import one_path
from tests.gateway.running_gateway import cli

pytestmark = pytest.mark.integration


def test_serve_can_print_the_bootstrap_instead(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(one_path("http://x.test")))
    run = cli("serve", str(path), "--port=8080", "--admin-port=9090", "--bootstrap")
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    assert printed["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9090}
    assert printed["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] == 8080


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param("--backend=https://x.test", "should be URL=URL", id="backend-without-a-second-url"),
        pytest.param("--backend=x=http://127.0.0.1:1", "'x' is not an http or https URL", id="backend-is-not-a-url"),
        pytest.param("--backend=http://x=http://127.0.0.1:1/y", "has a path", id="backend-target-with-a-path"),
        pytest.param("--default-backend=x", "'x' is not an http or https URL", id="default-backend-is-not-a-url"),
        pytest.param("--set=URL", "should be NAME=VALUE", id="placeholder-without-a-value"),
        pytest.param("--set=1=x", "'1' is not the name of a placeholder", id="name-of-a-placeholder"),
        pytest.param("--set=A=x\ny", "not one line of text", id="placeholder-of-two-lines"),
        pytest.param("--jwks=https://x.test", "should be URL=FILE", id="jwks-without-a-file"),
        pytest.param("--port=99999", "65535", id="port"),
    ],
)
def test_an_invalid_option_is_a_usage_error(tmp_path: Path, argument: str, message: str) -> None:
    run = cli("serve", str(tmp_path / "document.json"), argument)
    assert run.returncode == 2
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "twice",
    [
        ("--backend=https://x.test/a/=http://127.0.0.1:1", "--backend=https://x.test:443/a=http://127.0.0.1:2"),
        ("--jwks=https://x.test=a.json", "--jwks=https://x.test=b.json"),
        ("--set=A=1", "--set=A=2"),
    ],
    ids=["backend", "jwks", "set"],
)
def test_a_repetition_is_a_usage_error(tmp_path: Path, twice: tuple[str, str]) -> None:
    run = cli("serve", str(tmp_path / "document.json"), *twice)
    assert run.returncode == 2
    assert "is given twice" in " ".join(run.stderr.split())


@pytest.mark.parametrize("form", ["text", "github"])
def test_a_document_cannot_control_the_terminal_or_write_lines(tmp_path: Path, form: str) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps({**one_path("http://x.test"), "x-\x1b[2J\n::error::\u202e": 1, "paths": {"\x9b\n": 1}}))
    run = cli("check", f"--format={form}", str(path))
    lines = (run.stdout + run.stderr).splitlines()
    assert any("??" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("::error::") for line in lines)
