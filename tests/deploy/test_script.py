"""A plan as a script: it runs alone, and ends where `up` ends."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.script import quoted, script
from deploy.steps import Command, Plan, Step, Write, filled
from tests.deploy.cloud.server import serving
from tests.deploy.cloud.state import Cloud, Fault
from tests.deploy.shim import gcloud_on_path
from tests.deploy.stand_in import StandIn
from tests.deploy.world import World


def run_script(text: str, world: World, path: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in the world's folder."""
    file = world.folder / "plan.sh"
    file.write_text(text, encoding="utf-8")
    (world.folder / "services/models.yaml").touch()
    environment = {"PATH": path, "HOME": str(world.folder), "no_proxy": "127.0.0.1"}
    return subprocess.run(
        ["bash", str(file)],
        cwd=world.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def path(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PATH on which gcloud is the stand-in."""
    with gcloud_on_path(world.cloud, tmp_path_factory.mktemp("bin")) as environment:
        yield environment["PATH"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_script_ends_in_the_state_in_which_up_ends(
    world: World, path: str, tls: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    done = run_script(script(world.plan(), world.settings), world, path)
    assert done.returncode == 0, done.stderr
    elsewhere = Cloud()
    with serving(elsewhere, tls):
        folder = tmp_path_factory.mktemp("elsewhere")
        other = World(folder, elsewhere, StandIn(elsewhere.address, folder))
        other.write_sources("alpha", "beta")
        other.up()
        assert world.state() == other.state()
    # What is there is taken over as it is: nothing is built, and no service is replaced.
    assert {step.verb for step in world.plan().steps} <= {"check", "change", "create"}
    assert not [step.id for step in world.plan().steps if step.id.startswith("build")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_script_for_a_change_knows_what_is_there(world: World, path: str) -> None:
    world.up()
    world.write_catalog("alpha", "beta", "gamma")
    text = script(world.plan(), world.settings)
    assert f"ADDRESS_GUICHET_ALPHA={world.recorded.services['guichet-alpha'].url}" in text
    done = run_script(text, world, path)
    assert done.returncode == 0, done.stderr
    gateway = next(resource for name, resource in world.cloud.resources.items() if "/gateways/" in name)
    assert not gateway["apiConfig"].endswith(world.recorded.gateway.config)


def test_a_script_stops_at_the_first_failure_and_says_why(world: World, path: str) -> None:
    world.cloud.faults = [Fault("POST", "/repositories$", status=403, message="no such right", count=-1)]
    done = run_script(script(world.plan(), world.settings), world, path)
    assert done.returncode == 1
    assert "no such right" in done.stderr
    assert "guichet-model" not in str(world.cloud.resources)


def test_a_script_started_elsewhere_says_so(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        ["bash", "-c", script(world.plan(), world.settings)],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "Run this from the repository's root.\n")


NASTY = "a 'b' \"c\" $d `e` \\f $(g) ${h} $ {} é\t"


@pytest.mark.parametrize("word", ["plain", "--x=a,b", NASTY, "", "${NAME}", "--x=${NAME}", f"{NASTY} ${{NAME}}"])
def test_the_shell_sees_every_word_as_it_is_meant(word: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"NAME=value; printf %s {quoted(word)}"], capture_output=True, text=True, timeout=10, check=True
    )
    assert done.stdout == filled(word, {"NAME": "value"})


@pytest.mark.parametrize(
    "text", [f"{NASTY}\nsecond\n", f"{NASTY}\n${{NAME}} and ${{NAME}}\n"], ids=["as is", "filled in"]
)
def test_a_file_in_a_script_has_the_bytes_that_up_writes(world: World, path: str, text: str) -> None:
    show = Command(("cat", "file.txt"))
    plan = Plan((Step("x", "create", "x", actions=(Write("file.txt", text), show)),), known={"NAME": "value"})
    done = run_script(script(plan, world.settings), world, path)
    assert done.stdout == filled(text, {"NAME": "value"})
