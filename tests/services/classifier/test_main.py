"""A service that cannot start logs one line per mistake, never a traceback."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, environment, free_port
from services.artifact import stored_file

pytestmark = pytest.mark.integration

NAME = "efficientnet-lite0"


def failed_start(module: str = "services.classifier", **variables: str) -> list[str]:
    """The lines that a service printed before it ended."""
    run = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode > 0
    assert run.stderr == ""
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines[0]["severity"] == "CRITICAL"
    return [line["message"] for line in lines]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({}, "MODEL_NAME: is not set; it should be the name of a model", id="no-name"),
        pytest.param(
            {"MODEL_NAME": ""}, "MODEL_NAME: should be the name of a model in the catalog, not ''", id="empty"
        ),
        pytest.param({"MODEL_NAME": "../x"}, "MODEL_NAME: should be the name of a model", id="path"),
        pytest.param({"MODEL_NAME": "resnet"}, "resnet/receipt.json: is missing", id="unknown"),
        pytest.param(
            {"MODEL_NAME": NAME, "PORT": ""}, "PORT: should be a whole number from 1 to 65535, not ''", id="no-port"
        ),
        pytest.param({"MODEL_NAME": NAME, "PORT": "abc"}, "PORT: should be a whole number", id="word-as-port"),
        pytest.param({"MODEL_NAME": NAME, "PORT": "70000"}, "PORT: should be a whole number", id="port-too-large"),
        pytest.param({"MODEL_NAME": NAME, "PORT": "0"}, "PORT: should be a whole number", id="port-zero"),
        pytest.param(
            {"MODEL_NAME": NAME, "GUICHET_CONCURENCY": "8"}, "GUICHET_CONCURENCY: is not a variable", id="typo"
        ),
        pytest.param(
            {"MODEL_NAME": NAME, "GUICHET_MAX_BODY": "-1"}, "GUICHET_MAX_BODY: should be a whole", id="negative"
        ),
    ],
)
def test_an_invalid_setting_is_reported_in_one_line(artifacts: Path, variables: dict[str, str], message: str) -> None:
    (line,) = failed_start(**{"MODEL_DIR": str(artifacts), "PORT": str(free_port())} | variables)
    assert message in line


def test_all_invalid_settings_are_reported_together() -> None:
    lines = failed_start(PORT="abc", GUICHET_CONCURRENCY="0", GUICHET_TYPO="1")
    assert [line.partition(":")[0] for line in lines] == ["MODEL_NAME", "PORT", "GUICHET_CONCURRENCY", "GUICHET_TYPO"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_required_sandbox_that_the_system_lacks_is_reported(artifacts: Path) -> None:
    variables = {"MODEL_NAME": NAME, "MODEL_DIR": str(artifacts), "GUICHET_SANDBOX": "required"}
    (line,) = failed_start(GUICHET_PROCESSES="0", **variables)
    assert line.startswith("GUICHET_SANDBOX: ")
    # With a kernel that refuses the filter.
    (line,) = failed_start("tests.services.without_seccomp", **variables)
    assert line.startswith("GUICHET_SANDBOX: ")


def test_a_port_in_use_is_reported(artifacts: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (line,) = failed_start(MODEL_NAME=NAME, MODEL_DIR=str(artifacts), HOST="127.0.0.1", PORT=str(port))
    assert line == f"PORT: cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_artifact_is_never_loaded(artifacts: Path, tmp_path: Path, damage: str) -> None:
    weights = Path(shutil.copytree(artifacts / NAME, tmp_path / NAME)) / "model.bin"
    data = bytearray(weights.read_bytes())
    data[1000] ^= 4
    weights.write_bytes({"flip": bytes(data), "cut": bytes(data[:-8]), "empty": b""}[damage])
    (line,) = failed_start(MODEL_NAME=NAME, MODEL_DIR=str(tmp_path), PORT=str(free_port()))
    assert f"{weights}: should have" in line
    assert "export the model again" in line


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        pytest.param(
            "model.xml",
            '<?xml version="1.0"?><net name="x" version="11"><layers/></net>',
            "model.xml: cannot be loaded; export the model again",
            id="no-network",
        ),
        pytest.param(
            "labels.txt",
            "\n".join(f"label {n}" for n in range(999)) + "\n",
            "labels.txt: has 999 labels, the receipt says 1000",
            id="labels",
        ),
    ],
)
def test_an_artifact_with_valid_digests_but_invalid_content_is_reported(
    artifacts: Path, tmp_path: Path, file: str, content: str, message: str
) -> None:
    folder = Path(shutil.copytree(artifacts / NAME, tmp_path / NAME))
    (folder / file).write_text(content)
    receipt = json.loads((folder / "receipt.json").read_text())
    now = stored_file(folder / file)
    receipt["files"][file] = {"bytes": now.bytes, "sha256": now.sha256}
    (folder / "receipt.json").write_text(json.dumps(receipt))
    (line,) = failed_start(MODEL_NAME=NAME, MODEL_DIR=str(tmp_path), PORT=str(free_port()))
    assert message in line


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({}, "GUICHET_DOCUMENT: is not set", id="not-set"),
        pytest.param({"GUICHET_DOCUMENT": "absent.json"}, "absent.json cannot be read", id="no-document"),
        pytest.param({"GUICHET_DOCUMENT": "Makefile"}, "Makefile is not JSON", id="no-json"),
    ],
)
def test_the_directory_reports_its_mistakes_too(variables: dict[str, str], message: str) -> None:
    (line,) = failed_start("services.directory", PORT=str(free_port()), **variables)
    assert message in line
