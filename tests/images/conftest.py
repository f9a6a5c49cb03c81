"""What builds and starts images here, a real registry on loopback, and a copy of the source."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from benchmarks.harness.process import ROOT, end_process, free_port, responds, wait_for
from deploy.cloudbuild.engines import Engine, EngineError, found_engine
from tests.images.containers import Containers, Jails, containers
from tests.images.registry import Registry
from tests.images.slim import missing_slim
from tests.images.source import Built, Source

MODEL = "efficientnet-lite0"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Docker or buildah."""
    try:
        return found_engine()
    except EngineError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Debian's docker-registry, a registry as any other. What was built for it goes when it goes; the cache stays."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip(
            "There is no registry to push to: install one (Debian and Ubuntu: apt-get install docker-registry)."
        )
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    settings = folder / "config.yml"
    settings.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log, text=True)
    try:
        wait_for(lambda: responds(f"http://{address}/v2/"), 20, "the registry to answer")
        yield Registry(address, folder / "images")
    finally:
        end_process(process)
        remove_images(engine, address)


def remove_images(engine: Engine, address: str) -> None:
    """Take away all images that are named after a registry."""
    program, name = ("docker", "Repository") if engine.name == "Docker" else ("buildah", "Name")
    listing = subprocess.run(
        [program, "images", f"--format={{{{.{name}}}}}:{{{{.Tag}}}}"], capture_output=True, text=True, check=True
    )
    if images := [image for image in listing.stdout.split() if image.startswith(f"{address}/")]:
        subprocess.run([program, "rmi", "--force", *images], capture_output=True, check=False)


@pytest.fixture(scope="module")
def started(engine: Engine) -> Containers:
    if engine.name != "Docker" and (missing := Jails.missing()):
        pytest.skip(f"To start an image without Docker this machine lacks {missing}.")
    return containers(engine)


@pytest.fixture(scope="module")
def source(engine: Engine, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Source:
    if reason := missing_slim(engine):
        pytest.skip(reason)
    root = tmp_path_factory.mktemp("source") / "guichet"
    leave_out = shutil.ignore_patterns("__pycache__")
    for name in ("services", "frontend", "cloudbuild"):
        shutil.copytree(ROOT / name, root / name, ignore=leave_out)
    for name in (".dockerignore", ".gcloudignore"):
        shutil.copy2(ROOT / name, root / name)
    return Source(root, engine, registry)


@pytest.fixture(scope="module")
def lite0(source: Source) -> Built:
    return source.build(MODEL)
