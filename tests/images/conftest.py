"""What builds images here, and a real registry on loopback."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.cloudbuild.engines import Engine, EngineError, found_engine
from tests.running import answers, end_process, free_port, wait_for


@dataclass(frozen=True)
class Registry:
    """A registry that was empty when the tests began, and the folder it keeps everything in."""

    address: str
    folder: Path

    def blobs(self) -> dict[str, int]:
        """Digest and size of all that was pushed."""
        return {path.parent.name: path.stat().st_size for path in self.folder.glob("**/blobs/**/data")}


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
        wait_for(lambda: answers(f"http://{address}/v2/"), 20, "the registry to answer")
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
