"""A copy of the source, from which images are built as Cloud Build builds them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.cloudbuild.command import local_settings
from deploy.cloudbuild.engines import Engine
from deploy.cloudbuild.local_build import LocalBuild
from deploy.plan.container_images import BUILD_FILE, images_to_build, substitutions
from services.catalog import load_catalog
from tests.images.registry import Registry


@dataclass
class Built:
    """One submission: what it said by step, which blobs it pushed, and the image it made."""

    image: str
    base: str
    lines: dict[str, list[str]]
    pushed: dict[str, int]
    digests: list[str]

    def ran(self, command: str) -> bool:
        """Whether a RUN that holds `command` was carried out, and not found in the cache."""
        found = False
        for lines in self.lines.values():
            for number, line in enumerate(lines):
                if "RUN" in line and command in line:
                    found = True
                    # Docker numbers what it does, buildah says it in the next line.
                    said = f"{line.split()[0]} CACHED" in lines or "Using cache" in " ".join(lines[number : number + 2])
                    if not said:
                        return True
        assert found, f"no step of the Dockerfiles runs {command}"
        return False


@dataclass
class Source:
    """A copy of the source, and what builds from it."""

    root: Path
    engine: Engine
    registry: Registry

    def build(self, name: str, catalog: str = "services/models.yaml") -> Built:
        settings = dataclasses.replace(
            local_settings(f"{self.registry.address}/test", self.root / catalog), root=self.root
        )
        image = images_to_build([], load_catalog(settings.catalog))[name]
        lines: dict[str, list[str]] = {}
        before = self.registry.blobs()
        runner = LocalBuild(self.engine, self.root, lambda step, line: lines.setdefault(step, []).append(line))
        number = runner.run(BUILD_FILE, substitutions(image, settings))
        made = f"{settings.image(name)}:{number}"
        pushed = {digest: size for digest, size in self.registry.blobs().items() if digest not in before}
        print(f"\n{name}: pushed {sum(pushed.values()) / 1000:.1f} kB in {len(pushed)} blobs")
        return Built(made, f"{settings.image(image.base)}:{number}", lines, pushed, self.layers(made))

    def change(self, path: str, change: Callable[[str], str]) -> None:
        file = self.root / path
        before = file.read_text(encoding="utf-8")
        assert change(before) != before
        file.write_text(change(before), encoding="utf-8")

    def layers(self, image: str) -> list[str]:
        """The digests of a pushed image's layers, as the registry has them."""
        name, _, tag = image.partition("/")[2].partition(":")
        folder = self.registry.folder / "docker/registry/v2"
        link = folder / "repositories" / name / "_manifests/tags" / tag / "current/link"
        digest = link.read_text().removeprefix("sha256:")
        manifest = json.loads((folder / "blobs/sha256" / digest[:2] / digest / "data").read_text())
        return [layer["digest"] for layer in manifest["layers"]]
