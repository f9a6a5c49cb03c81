"""The sizes of the parts of container images."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.cloudbuild.engines import Engine, EngineError

MB = 1_000_000


@dataclass(frozen=True)
class Layer:
    """The paths in a layer, and its uncompressed size in bytes."""

    paths: tuple[str, ...]
    size: int

    @property
    def folder(self) -> str:
        """The top folder, if there is only one."""
        tops = {path.partition("/")[0] for path in self.paths}
        return tops.pop() if len(tops) == 1 else ""


@dataclass(frozen=True)
class Sizes:
    """Uncompressed bytes of an image: Python slim, the packages of the base, the artifact, and the code."""

    name: str
    python: int
    packages: int
    artifact: int
    code: int

    @property
    def added(self) -> int:
        """Everything on top of Python slim."""
        return self.packages + self.artifact + self.code


def image_sizes(engine: Engine, name: str, image: str) -> Sizes:
    """The sizes of an image that was built here; raises EngineError if there is none."""
    found = layers(engine, image)
    # The Dockerfiles copy each part into its own folder; the other layers are Python's.
    parts = {part: sum(layer.size for layer in found if layer.folder == part) for part in ("venv", "models", "app")}
    python = sum(layer.size for layer in found if layer.folder not in parts)
    return Sizes(name, python, parts["venv"], parts["models"], parts["app"])


def layers(engine: Engine, image: str) -> list[Layer]:
    """The layers of an image that was built here, in order; raises EngineError if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        run = subprocess.run(engine.saved(image, str(archive)), capture_output=True, text=True, check=False)
        if run.returncode:
            raise EngineError(f"{image} cannot be read: build it with `make images`.")
        with tarfile.open(archive) as tar:
            manifest: list[dict[str, Any]] = json.load(_file(tar, "manifest.json"))
            return [_layer(tar, name) for name in manifest[0]["Layers"]]


def table(sizes: Iterable[Sizes]) -> str:
    """The sizes as a Markdown table."""
    lines = [
        "| image | on top of Python slim | packages | artifact | code |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {one.name} | **{_mb(one.added)}** | {_mb(one.packages)}"
            f" | {_mb(one.artifact) if one.artifact else ''} | {_mb(one.code)} |"
            for one in sizes
        ),
    ]
    return "\n".join(lines)


def _mb(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB else f"{size / 1000:.0f} kB"


def _layer(tar: tarfile.TarFile, name: str) -> Layer:
    with tarfile.open(fileobj=_file(tar, name)) as layer:
        members = layer.getmembers()
    paths = tuple(member.name.removeprefix("./") for member in members)
    return Layer(tuple(path for path in paths if path.strip("./")), sum(member.size for member in members))


def _file(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise EngineError(f"The saved image has no {name}.")
    return file
