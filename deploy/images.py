"""The images: which Cloud Build file makes each, from what, and how its content is told from another's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from deploy.errors import DeployError, SettingsError
from deploy.manifests import PORT
from deploy.settings import Settings
from services.catalog import Catalog, Model

SUBSTITUTION = re.compile(r"(?<!\$)\$\{?(_[A-Z0-9_]+)\}?")
# What every image is made from, beside its own inputs.
SHARED = (".dockerignore", ".gcloudignore")
# How a service runs is its manifest's matter: it changes no image.
RUNNING = {"cpu", "memory", "concurrency", "min_instances", "max_instances", "deadline", "quota"}


@dataclass(frozen=True)
class Image:
    """An image to be: its Cloud Build file, its Dockerfile, the name of its base, and what decides its content.

    `inputs` are globs from the root; `facts` decide beside files: a model's entry in the catalog.
    """

    name: str
    file: str
    dockerfile: str
    base: str
    inputs: tuple[str, ...]
    facts: Mapping[str, object] = field(default_factory=dict)


def wanted_images(names: Collection[str], catalog: Catalog) -> dict[str, Image]:
    """The images of the named models (none: of the whole catalog), of the directory and of the page."""
    models = catalog.select(names) if names else list(catalog)
    made = [*(model_image(model, catalog) for model in models), directory_image(), page_image()]
    return {image.name: image for image in made}


def model_image(model: Model, catalog: Catalog) -> Image:
    """The image of one model. Other models' entries are no input: a change in the catalog touches its model alone."""
    own = [catalog.labels_file(model), _local_weights(model, catalog), *calibration_photos(model, catalog)]
    return Image(
        name=model.name,
        file="cloudbuild/model.yaml",
        dockerfile="services/Dockerfile",
        base="base",
        inputs=(
            "cloudbuild/model.yaml",
            "services/base.Dockerfile",
            "services/Dockerfile",
            "services/*.py",
            "services/*.lock",
            "services/torch.txt",
            "services/web/*",
            "services/classifier/**/*",
            "services/export/**/*",
            *(str(path) for path in own if path),
        ),
        facts=model.model_dump(mode="json", exclude=RUNNING),
    )


def calibration_photos(model: Model, catalog: Catalog) -> list[Path]:
    """The photos that go into the build of an int8 model; SettingsError where there are none."""
    if model.precision != "int8":
        return []
    photos = sorted(path for path in catalog.calibration.glob("*") if path.is_file())
    if not photos:
        raise SettingsError(
            f"{catalog.path}: {model.name}/precision: int8 takes its ranges from photos: put a hundred or so into"
            f" {catalog.calibration}."
        )
    return photos


def directory_image() -> Image:
    """The image of the directory. What it lists is mounted, so that a new model needs no new image."""
    return Image(
        name="directory",
        file="cloudbuild/directory.yaml",
        dockerfile="services/directory/Dockerfile",
        base="base-directory",
        inputs=(
            "cloudbuild/directory.yaml",
            "services/base.Dockerfile",
            "services/directory.lock",
            "services/__init__.py",
            "services/web/*",
            "services/directory/**/*",
        ),
    )


def page_image() -> Image:
    """The image of the page."""
    return Image(
        name="page",
        file="cloudbuild/page.yaml",
        dockerfile="frontend/Dockerfile",
        base="base-page",
        inputs=("cloudbuild/page.yaml", "services/base.Dockerfile", "frontend/**/*"),
    )


def content(image: Image, root: Path) -> str:
    """Sixteen hex digits that change when the image would: of its inputs' paths and bytes, and its facts."""
    said = json.dumps([image.file, image.dockerfile, image.base, image.facts], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for path, sha256 in sorted(set(_files(root, (*SHARED, *image.inputs)))):
        digest.update(f"{path}\0{sha256}\n".encode())
    return digest.hexdigest()[:16]


def substitutions(image: Image, settings: Settings) -> dict[str, str]:
    """The values for the substitutions that the Cloud Build file uses; Cloud Build refuses unused ones."""
    values = {
        "_BASE_IMAGE_URI": settings.image(image.base),
        "_APP_URI": settings.image(image.name),
        "_SERVING_PORT": str(PORT),
        "_TARGET_DOCKERFILE": image.dockerfile,
        "_MODEL_NAME": image.name,
    }
    path = settings.root / image.file
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise DeployError(f"{image.file} cannot be read ({err.strerror}): it says how the image is built.") from err
    used = set(SUBSTITUTION.findall(re.sub(r"(?m)^\s*#.*$", "", text)))
    stated = set(re.findall(r"(?m)^\s+(_[A-Z0-9_]+):", text))
    if unknown := used - values.keys() - stated:
        raise DeployError(f"{image.file} uses {min(unknown)}, which is not among {', '.join(values)}.")
    return {name: value for name, value in values.items() if name in used}


def _local_weights(model: Model, catalog: Catalog) -> Path | None:
    named = model.weights if isinstance(model.weights, str) else model.weights.model_dump()
    if isinstance(named, str) or set(named) != {"file", "sha256"}:
        return None
    return catalog.path.parent / str(named["file"])


def _files(root: Path, patterns: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Path and SHA-256 of every file under the patterns; of a file outside of the root, its name."""
    for pattern in patterns:
        if Path(pattern).is_absolute():
            yield Path(pattern).name, _sha256(Path(pattern))
            continue
        for path in root.glob(pattern):
            parts = path.relative_to(root).parts
            if path.is_file() and "__pycache__" not in parts and path.suffix not in (".md", ".pyc"):
                yield "/".join(parts), _sha256(path)


def _sha256(path: Path) -> str:
    try:
        return _digest(path, path.stat().st_mtime_ns)
    except OSError as err:
        raise DeployError(f"{path} cannot be read ({err.strerror}), although an image is made from it.") from err


@cache
def _digest(path: Path, _changed: int) -> str:
    """The SHA-256 of a file, computed once per state of it: a hundred models share most of their inputs."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
