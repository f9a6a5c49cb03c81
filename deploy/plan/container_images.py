"""The container images: what each is built from, and the hash that tells one content from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from deploy.errors import DeployError, SettingsError
from deploy.plan.cloud_run_manifests import PORT
from deploy.recorded_state import RUN_FIELDS
from deploy.settings import DeploySettings
from services.catalog import Catalog, Model

BUILD_FILE, BASE_BUILD_FILE = "cloudbuild/image.yaml", "cloudbuild/base.yaml"
# Inputs of every image.
SHARED_INPUTS = (".dockerignore", ".gcloudignore", "services/base.Dockerfile")
# The base images, and the requirements that each installs. They are built before the images that share them.
BASES = {
    "base": "services/classifier.lock",
    "base-directory": "services/directory.lock",
    "base-page": "frontend/frontend.lock",
}


@dataclass(frozen=True)
class ContainerImage:
    """An image to build.

    `base` is the name of its base image, and `lock` the requirements that the base installs. `inputs` are glob patterns
    relative to the root; `facts` are inputs that are not files: a model's entry in the catalog.
    """

    name: str
    dockerfile: str
    base: str
    lock: str
    inputs: tuple[str, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def build_file(self) -> str:
        """The Cloud Build file that builds it."""
        return BASE_BUILD_FILE if self.name in BASES else BUILD_FILE


def images_to_build(names: Collection[str], catalog: Catalog) -> dict[str, ContainerImage]:
    """The images of the bases, the named models (if none are named, the whole catalog), the directory and the page.

    Raises SettingsError if two of them would have the same name.
    """
    models = catalog.select(names) if names else list(catalog)
    for model in models:
        if model.name in {*BASES, "directory", "page"}:
            raise SettingsError(f"{catalog.path}: {model.name}: the name is reserved: rename the model.")
    images = [*(model_image(model, catalog) for model in models), directory_image(), page_image()]
    images = [*(base_image(name) for name in BASES), *images]
    return {image.name: image for image in images}


def base_image(name: str) -> ContainerImage:
    """A base image: Python and the locked packages."""
    return ContainerImage(name, "services/base.Dockerfile", name, BASES[name], (BASES[name],))


def model_image(model: Model, catalog: Catalog) -> ContainerImage:
    """The image of one model. The entries of other models are not inputs."""
    own = [*(path for _, path in catalog.files(model)), *calibration_images(model, catalog)]
    return ContainerImage(
        name=model.name,
        dockerfile="services/Dockerfile",
        base="base",
        lock=BASES["base"],
        inputs=(
            "services/Dockerfile",
            "services/__init__.py",
            "services/artifact.py",
            "services/preprocess.py",
            "services/catalog/*",
            "services/environment.py",
            "services/location.py",
            "services/logs.py",
            "services/process.py",
            "services/problems.py",
            "services/*.lock",
            "services/torch.txt",
            "services/http/*",
            "services/classifier/**/*",
            "services/export/**/*",
            *(str(path) for path in own),
        ),
        facts=model.model_dump(mode="json", exclude={*RUN_FIELDS, "quota"}),
    )


def calibration_images(model: Model, catalog: Catalog) -> list[Path]:
    """The files that the build of an int8 model needs; raises SettingsError if there are none."""
    if model.precision != "int8":
        return []
    files = sorted(path for path in catalog.calibration.glob("*") if path.is_file())
    if not files:
        raise SettingsError(
            f"{catalog.path}: {model.name}/precision: int8 needs calibration images: put about a hundred photos into"
            f" {catalog.calibration}."
        )
    return files


def directory_image() -> ContainerImage:
    """The image of the directory. The list of models is mounted, so a new model needs no new image."""
    return ContainerImage(
        name="directory",
        dockerfile="services/directory/Dockerfile",
        base="base-directory",
        lock=BASES["base-directory"],
        inputs=(
            "services/directory.lock",
            "services/__init__.py",
            "services/environment.py",
            "services/location.py",
            "services/logs.py",
            "services/process.py",
            "services/problems.py",
            "services/published_document.py",
            "services/http/*",
            "services/directory/**/*",
        ),
    )


def page_image() -> ContainerImage:
    """The image of the page."""
    return ContainerImage(
        name="page",
        dockerfile="frontend/Dockerfile",
        base="base-page",
        lock=BASES["base-page"],
        inputs=("frontend/**/*",),
    )


def content_hash(image: ContainerImage, root: Path) -> str:
    """Sixteen hex digits of the SHA-256 of everything the image is built from."""
    description = json.dumps([image.dockerfile, image.base, image.lock, image.facts], sort_keys=True)
    digest = hashlib.sha256(description.encode())
    for path, sha256 in sorted(set(_files(root, (*SHARED_INPUTS, image.build_file, *image.inputs)))):
        digest.update(f"{path}\0{sha256}\n".encode())
    return digest.hexdigest()[:16]


def substitutions(image: ContainerImage, settings: DeploySettings) -> dict[str, str]:
    """The substitutions of the Cloud Build file."""
    if image.name in BASES:
        return {"_BASE_IMAGE_URI": settings.image(image.base), "_LOCK": image.lock}
    return {
        "_BASE_IMAGE_URI": settings.image(image.base),
        "_APP_URI": settings.image(image.name),
        "_SERVING_PORT": str(PORT),
        "_TARGET_DOCKERFILE": image.dockerfile,
        "_MODEL_NAME": image.name,
        "_LOCK": image.lock,
        "_CATALOG": _catalog_in_build(settings),
    }


def _catalog_in_build(settings: DeploySettings) -> str:
    """The catalog's path relative to the root; raises SettingsError if a build does not see it."""
    path, sources = settings.catalog.resolve(), settings.root.resolve() / "services"
    if not path.is_relative_to(sources):
        raise SettingsError(
            f"{settings.catalog}: a build sees only {sources}: move the catalog and the files it names there, for"
            f" example to {sources / 'own'}, and set CATALOG to its path."
        )
    return str(path.relative_to(settings.root.resolve()))


def _files(root: Path, patterns: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Path and SHA-256 of every file that matches; for a file outside the root, its name and SHA-256."""
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
        return _sha256_at(path, path.stat().st_mtime_ns)
    except OSError as err:
        raise DeployError(f"{path} cannot be read ({err.strerror}), but an image is built from it.") from err


@cache
def _sha256_at(path: Path, _modified: int) -> str:
    """Cached until the file changes: models share most of their inputs."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
