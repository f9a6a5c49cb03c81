"""The real gcloud: the life of a deployment, and every fault at every write. `make test-faults` takes half an hour."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.deliverables import Deliverables
from tests.deploy.deployment_fixture import Deployment, settled
from tests.deploy.fake_gcloud import FakeGcloud
from tests.deploy.fake_google_cloud.server import serving
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud
from tests.deploy.fault_injection import INJECTED_FAULTS, InjectedFault, WriteRequest, all_struck
from tests.deploy.real_gcloud import Checkout, empty_project, gcloud_environment

pytestmark = [
    pytest.mark.integration,
    pytest.mark.thorough,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
    pytest.mark.timeout(3600),
]
PARTS = 3
# Of an `up` that finds nothing to do, whatever the number of models: a list per kind of resource.
MOST_REQUESTS = 20
DEFAULT_MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")


def left(cloud: Cloud) -> dict[str, Any]:
    """The state of the cloud without what Google keeps: builds and their sources, deleted keys."""
    with cloud.lock:
        kept = {
            name: resource
            for name, resource in cloud.resources.items()
            if not name.startswith(("objects/", "images/", "uploads/", "buckets/"))
            and "/builds/" not in name
            and "/revisions/" not in name
            and "deleteTime" not in resource
        }
        granted = {name: policy for name, policy in cloud.policies.items() if policy.get("bindings")}
        found: dict[str, Any] = settled({"resources": kept, "policies": granted})
        return found


def text(found: dict[str, Any]) -> str:
    """The state as text."""
    return json.dumps(found, indent=1, sort_keys=True)


@pytest.fixture
def project(tls: Path) -> Iterator[Cloud]:
    """An empty project."""
    with empty_project(tls) as cloud:
        yield cloud


def test_the_life_of_a_deployment(project: Cloud, tls: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), environment, *DEFAULT_MODELS)
    secret = f"projects/{PROJECT}/secrets/somebody-elses"
    project.resources[secret] = {"name": secret}
    project.enable("secretmanager.googleapis.com")
    before = left(project)

    assert checkout.deploy("doctor")[0] == 1
    code, said = checkout.deploy("doctor", "--fix")
    assert code == 0, said
    assert said.splitlines()[-1] == "All prerequisites are met. You can proceed with the deployment."

    start = time.monotonic()
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    print(f"\nup of three models: {time.monotonic() - start:.1f} s")
    recorded = Deliverables(checkout.record).read()
    assert recorded.latest
    assert recorded.latest.models == DEFAULT_MODELS
    whole = text(left(project))

    project.log.clear()
    start = time.monotonic()
    code, said = checkout.deploy("up", "--yes")
    print(f"up without changes: {time.monotonic() - start:.1f} s")
    assert (code, "nothing to do" in said) == (0, True), said
    assert not project.writes

    checkout.write_catalog(*DEFAULT_MODELS, "another")
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    code, said = checkout.deploy("rollback", "--yes")
    assert code == 0, said
    code, said = checkout.deploy("status", "--json")
    assert json.loads(said)["config"] == recorded.latest.config
    checkout.write_catalog(*DEFAULT_MODELS)
    code, said = checkout.deploy("up", "--yes")
    assert code == 0, said
    assert f"projects/{PROJECT}/locations/us-central1/services/guichet-another" not in project.resources

    code, said = checkout.deploy("down", "--yes")
    assert code == 0, said
    assert left(project) == before
    assert Deliverables(checkout.record).read().created == ()

    script = tmp_path_factory.mktemp("script") / "plan.sh"
    again = Cloud()
    with serving(again, tls):
        other = gcloud_environment(again, tls, tmp_path_factory.mktemp("gcloud"))
        again.resources[secret] = {"name": secret}
        again.enable("secretmanager.googleapis.com")
        checkout.environment = {**other, "PROOF_PATIENCE": "2"}
        code, said = checkout.deploy("doctor", "--fix")
        assert code == 0, said
        code, said = checkout.deploy("plan", "--script", str(script))
        assert code == 0, said
        start = time.monotonic()
        done = subprocess.run(
            ["bash", str(script)],
            cwd=checkout.folder,
            env=other,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        print(f"the script: {time.monotonic() - start:.1f} s")
        assert text(left(again)) == whole
    assert not again.unknown


def test_a_hundred_models_are_planned_and_found_unchanged(
    project: Cloud, tls: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The fake gcloud deploys, as that would take the real one minutes."""
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    names = [f"model-{number:03}" for number in range(100)]
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), environment, *names)
    start = time.monotonic()
    code, said = checkout.deploy("plan")
    assert code == 0, said
    assert said.count("create service") == 102
    print(f"\nplan of 100 models in an empty project: {time.monotonic() - start:.1f} s")
    Deployment(
        checkout.folder,
        project,
        FakeGcloud(project.address, checkout.folder),
        catalog="services/models.yaml",
        patience=60,
    ).up()
    for command in ("plan", "up"):
        project.log.clear()
        start = time.monotonic()
        code, said = checkout.deploy(command)
        assert (code, "nothing to do" in said) == (0, True), said
        asked = len(project.log)
        print(f"{command} of 100 unchanged models: {time.monotonic() - start:.1f} s, {asked} requests")
        # Besides the lists, one policy is read for each service.
        assert asked <= MOST_REQUESTS + len(names)
        assert not project.writes


@pytest.fixture(scope="module")
def clean(tls: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[WriteRequest, ...], str]:
    """The writes and the final state of a deployment without faults."""
    cloud = Cloud()
    with serving(cloud, tls):
        environment = gcloud_environment(cloud, tls, tmp_path_factory.mktemp("gcloud"))
        checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), environment, "alpha")
        code, said = checkout.deploy("up", "--yes")
        assert code == 0, said
    return tuple(WriteRequest(entry.method, entry.path) for entry in cloud.writes), text(left(cloud))


@pytest.mark.parametrize("part", range(PARTS), ids=[f"part {part + 1} of {PARTS}" for part in range(PARTS)])
@pytest.mark.parametrize("injected", INJECTED_FAULTS, ids=[injected.name for injected in INJECTED_FAULTS])
def test_a_deployment_in_which_every_write_fails_once_ends_correctly(
    injected: InjectedFault,
    part: int,
    clean: tuple[tuple[WriteRequest, ...], str],
    project: Cloud,
    tls: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`up` is run until it has nothing to do; `killed` is a kill -9 of the tool and all that it started.

    Every third kind of write is in a part, so that each takes a few minutes at most.
    """
    whole, state = clean
    kinds = list(dict.fromkeys(whole))[part::PARTS]
    writes = [write for write in whole if write in kinds]
    environment = gcloud_environment(project, tls, tmp_path_factory.mktemp("gcloud"))
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), environment, "alpha")
    faults = [injected.fault(write) for write in writes]
    for fault in faults:
        fault.apart = checkout.kill if injected.deadly else None
    project.faults = faults
    start, codes, said = time.monotonic(), list[int](), ""
    while "nothing to do" not in said:
        code, said = checkout.deploy("up", "--yes")
        codes.append(code)
        assert len(codes) <= 2 * len(writes), said
    seconds = time.monotonic() - start
    struck = sum(fault.hits > 0 for fault in faults)
    print(f"\n{injected.name}: {struck} faults struck, at all of {len(kinds)} kinds of write;", end=" ")
    print(f"runs of up ended with {codes}, in {seconds:.0f} s; the state is that of a clean deployment")
    assert all_struck(faults)
    assert text(left(project)) == state
