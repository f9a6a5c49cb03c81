"""Plans as bash scripts, with the same result as `up`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.plan.steps import Action, Command, Plan, Step, WriteFile, filled
from deploy.report.script import quoted, script
from tests.deploy.deployment_fixture import Deployment
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.server import serving
from tests.deploy.fake_google_cloud.state import Cloud, Fault
from tests.deploy.gcloud_shim import gcloud_on_path

pytestmark = pytest.mark.integration


def run_script(text: str, deployment: Deployment, path: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in the deployment's folder."""
    file = deployment.folder / "plan.sh"
    file.write_text(text, encoding="utf-8")
    (deployment.folder / "services/models.yaml").touch()
    environment = {"PATH": path, "HOME": str(deployment.folder), "no_proxy": "127.0.0.1"}
    return subprocess.run(
        ["bash", str(file)],
        cwd=deployment.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def path(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PATH on which gcloud is the fake."""
    with gcloud_on_path(deployment.cloud, tmp_path_factory.mktemp("bin")) as environment:
        yield environment["PATH"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_script_leads_to_the_same_state_as_up(
    deployment: Deployment, path: str, tls: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    done = run_script(script(deployment.plan(), deployment.settings), deployment, path)
    assert done.returncode == 0, done.stderr
    elsewhere = Cloud()
    with serving(elsewhere, tls):
        folder = tmp_path_factory.mktemp("elsewhere")
        other = Deployment(folder, elsewhere, FakeGcloud(elsewhere.address, folder))
        other.write_sources("alpha", "beta")
        other.up()
        assert deployment.state() == other.state()
    # What is there is taken over as it is: nothing is built, and no service is replaced.
    assert {step.verb for step in deployment.plan().steps} <= {"check", "change", "create"}
    assert not [step.id for step in deployment.plan().steps if step.id.startswith("build")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_script_for_a_change_contains_the_known_values(deployment: Deployment, path: str) -> None:
    deployment.first_up()
    deployment.write_catalog("alpha", "beta", "gamma")
    text = script(deployment.plan(), deployment.settings)
    assert f"ADDRESS_GUICHET_ALPHA={deployment.recorded.services['guichet-alpha'].url}" in text
    done = run_script(text, deployment, path)
    assert done.returncode == 0, done.stderr
    gateway = next(resource for name, resource in deployment.cloud.resources.items() if "/gateways/" in name)
    assert not gateway["apiConfig"].endswith(deployment.recorded.gateway.config)


def test_a_script_stops_at_the_first_failure(deployment: Deployment, path: str) -> None:
    deployment.cloud.faults = [Fault("POST", "/repositories$", status=403, message="no such right", count=-1)]
    done = run_script(script(deployment.plan(), deployment.settings), deployment, path)
    assert done.returncode == 1
    assert "no such right" in done.stderr
    assert "guichet-model" not in str(deployment.cloud.resources)


def test_a_script_in_another_folder_fails(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        ["bash", "-c", script(deployment.plan(), deployment.settings)],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "Run this from the repository's root.\n")


NASTY = "a 'b' \"c\" $d `e` \\f $(g) ${h} $ {} é\t"


@pytest.mark.parametrize("word", ["plain", "--x=a,b", NASTY, "", "${NAME}", "--x=${NAME}", f"{NASTY} ${{NAME}}"])
def test_every_word_is_quoted_for_the_shell(word: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"NAME=value; printf %s {quoted(word)}"], capture_output=True, text=True, timeout=10, check=True
    )
    assert done.stdout == filled(word, {"NAME": "value"})


@pytest.mark.parametrize(
    "text", [f"{NASTY}\nsecond\n", f"{NASTY}\n${{NAME}} and ${{NAME}}\n"], ids=["as is", "filled in"]
)
def test_a_file_in_a_script_has_the_text_that_up_writes(deployment: Deployment, path: str, text: str) -> None:
    show = Command(("cat", "file.txt"))
    plan = Plan((Step("x", "create", "x", actions=(WriteFile("file.txt", text), show)),), known={"NAME": "value"})
    done = run_script(script(plan, deployment.settings), deployment, path)
    assert done.stdout == filled(text, {"NAME": "value"})


MARKERS = [
    "x\ntouch stolen",
    "x\nEND-OF-FILE\ntouch stolen",
    "x\rtouch stolen",
    "${HOME}",
    "`touch stolen`",
    "$(touch stolen)",
    "'; touch stolen #",
]


@pytest.mark.parametrize("marker", MARKERS)
def test_no_text_of_a_plan_runs_as_a_command(deployment: Deployment, path: str, marker: str) -> None:
    """In every field of a step and of its actions."""
    actions: tuple[Action, ...] = (
        WriteFile("file.txt", marker.replace("${", "$ {")),
        Command(("true", marker.replace("${", "$ {"))),
        Command(("cat",), reads=("printf", "%s", marker.replace("${", "$ {"))),
    )
    plan = Plan((Step("x", "create", f"service {marker}", f"because of {marker}", actions=actions),))
    done = run_script(script(plan, deployment.settings), deployment, path)
    assert done.returncode == 0, done.stderr
    assert not (deployment.folder / "stolen").exists()
    assert (deployment.folder / "file.txt").read_bytes().decode().strip() == marker.replace("${", "$ {")


def test_a_title_stays_literal_in_the_document_and_in_the_script(deployment: Deployment, path: str) -> None:
    title = "${HOME} ${ADDRESS_GUICHET_ALPHA} $(touch stolen) {service} `x` $ \\"
    catalog = deployment.folder / deployment.catalog
    text = catalog.read_text(encoding="utf-8").replace("Model alpha", json.dumps(title))
    catalog.write_text(text, encoding="utf-8")
    done = run_script(script(deployment.plan(), deployment.settings), deployment, path)
    assert done.returncode == 0, done.stderr
    by_script = (deployment.folder / ".run/deploy/openapi.json").read_text(encoding="utf-8")
    deployment.up()
    by_up = (deployment.folder / ".run/deploy/openapi.json").read_text(encoding="utf-8")
    assert title in json.dumps(json.loads(by_up), ensure_ascii=False).replace("\\\\", "\\")
    assert json.loads(by_script)["paths"].keys() == json.loads(by_up)["paths"].keys()
    assert not (deployment.folder / "stolen").exists()
