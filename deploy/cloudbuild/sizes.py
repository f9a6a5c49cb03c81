"""What the images weigh, part by part."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cloudbuild.engines import Engine, EngineError

MB = 1_000_000


@dataclass(frozen=True)
class Sizes:
    """Bytes of an image's layers, uncompressed: Python slim, the packages of the base, the artifact, and the code."""

    name: str
    python: int
    packages: int
    artifact: int
    code: int

    @property
    def added(self) -> int:
        """What stands on top of Python slim."""
        return self.packages + self.artifact + self.code


def image_sizes(engine: Engine, name: str, image: str) -> Sizes:
    """The sizes of an image that was built here; EngineError where it was not."""
    layers = layer_sizes(engine, image)
    # Our Dockerfiles copy once for each part; whatever lies below is Python's.
    parts = 3 if _has_artifact(layers) else 2
    own = [size for _, size in layers[-parts:]]
    return Sizes(
        name=name,
        python=sum(size for _, size in layers[:-parts]),
        packages=own[0],
        artifact=own[1] if parts == 3 else 0,
        code=own[-1],
    )


def layer_sizes(engine: Engine, image: str) -> list[tuple[str, int]]:
    """Each layer's first path and its size in bytes, in order."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        run = subprocess.run(engine.saved(image, str(archive)), capture_output=True, text=True, check=False)
        if run.returncode:
            raise EngineError(f"{image} cannot be read: build it with `python -m deploy images`.")
        with tarfile.open(archive) as tar:
            manifest: list[dict[str, Any]] = json.loads(_content(tar, "manifest.json"))
            return [_layer(tar, name) for name in manifest[0]["Layers"]]


def table(sizes: Iterable[Sizes]) -> str:
    """The sizes in Markdown, in megabytes."""
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


def _has_artifact(layers: list[tuple[str, int]]) -> bool:
    return layers[-2][0].split("/")[0] == "models"


def _layer(tar: tarfile.TarFile, name: str) -> tuple[str, int]:
    file = tar.extractfile(name)
    if file is None:
        raise EngineError(f"The saved image has no layer {name}.")
    with tarfile.open(fileobj=file) as layer:
        members = layer.getmembers()
    first = next((member.name for member in members if member.name.strip("./")), "")
    return first, sum(member.size for member in members)


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise EngineError(f"The saved image has no {name}.")
    return file.read()
