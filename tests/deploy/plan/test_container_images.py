"""The inputs of container images, and the substitutions of their build."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cloudbuild.build_file import BuildFileError
from deploy.errors import SettingsError
from deploy.plan.container_images import BASES, BUILD_FILE, content_hash, images_to_build, substitutions
from deploy.settings import ROOT, DeploySettings
from services.catalog import load_catalog
from tests.deploy.deployment_fixture import Deployment

pytestmark = pytest.mark.integration


def contents(deployment: Deployment) -> dict[str, str]:
    catalog = load_catalog(deployment.folder / deployment.catalog)
    return {name: content_hash(image, deployment.folder) for name, image in images_to_build((), catalog).items()}


IMAGES = {"alpha", "beta", "directory", "page"}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param("services/classifier/app.py", {"alpha", "beta"}, id="the models' code"),
        pytest.param("services/export/new.py", {"alpha", "beta"}, id="the export"),
        pytest.param("services/directory/app.py", {"directory"}, id="the directory's code"),
        pytest.param("services/http/new.py", {"alpha", "beta", "directory"}, id="what services share"),
        pytest.param("services/base.Dockerfile", {*IMAGES, *BASES}, id="the base"),
        pytest.param("frontend/app.py", {"page"}, id="the page"),
        pytest.param("cloudbuild/image.yaml", IMAGES, id="the build file"),
        pytest.param("cloudbuild/base.yaml", set(BASES), id="the base's build file"),
        pytest.param(".dockerignore", {*IMAGES, *BASES}, id="what builds may see"),
        pytest.param("README.md", set(), id="a text"),
        pytest.param("frontend/__pycache__/app.cpython-311.pyc", set(), id="bytecode"),
        pytest.param("tests/test_new.py", set(), id="a test"),
    ],
)
def test_a_change_affects_the_images_built_from_it(deployment: Deployment, change: str, changed: set[str]) -> None:
    before = contents(deployment)
    path = deployment.folder / change
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# changed\n", encoding="utf-8")
    after = contents(deployment)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_change_of_an_entry_affects_its_model_only(deployment: Deployment) -> None:
    (deployment.folder / "services/calibration").mkdir()
    (deployment.folder / "services/calibration/1_goldfish.jpg").write_bytes(b"photo")
    before = contents(deployment)
    deployment.write_catalog("alpha", "beta", beta="    precision: int8\n")
    after = contents(deployment)
    assert {name for name in before if before[name] != after[name]} == {"beta"}


def test_how_a_model_runs_needs_no_new_image(deployment: Deployment) -> None:
    before = contents(deployment)
    deployment.write_catalog(
        "alpha", "beta", beta="    memory: 2Gi\n    concurrency: 3\n    min_instances: 1\n    quota: null\n"
    )
    assert contents(deployment) == before


def test_int8_without_calibration_images_is_an_error_before_anything_is_built(deployment: Deployment) -> None:
    deployment.write_catalog("alpha", "beta", beta="    precision: int8\n")
    with pytest.raises(SettingsError, match="beta/precision: int8 needs calibration images"):
        deployment.plan()
    photos = deployment.folder / "services/calibration"
    photos.mkdir()
    (photos / "1_goldfish.jpg").write_bytes(b"photo")
    before = contents(deployment)
    (photos / "1_goldfish.jpg").write_bytes(b"another")
    after = contents(deployment)
    assert {name for name in before if before[name] != after[name]} == {"beta"}


def test_a_models_own_labels_are_an_input_of_its_image(deployment: Deployment) -> None:
    labels = deployment.folder / "services/labels.txt"
    labels.write_text("one\ntwo\n", encoding="utf-8")
    deployment.write_catalog("alpha", "beta", alpha="    labels: labels.txt\n")
    before = contents(deployment)
    labels.write_text("one\nthree\n", encoding="utf-8")
    after = contents(deployment)
    assert {name for name in before if before[name] != after[name]} == {"alpha"}


def test_the_substitutions_follow_from_the_image() -> None:
    settings, wanted = DeploySettings("my-project", root=ROOT), images_to_build(["efficientnet-lite0"], load_catalog())
    registry = "us-central1-docker.pkg.dev/my-project/hw5-images"
    model = substitutions(wanted["efficientnet-lite0"], settings)
    assert model["_APP_URI"] == f"{registry}/guichet-efficientnet-lite0"
    assert model["_BASE_IMAGE_URI"] == f"{registry}/guichet-base"
    assert model["_MODEL_NAME"] == "efficientnet-lite0"
    assert model["_TARGET_DOCKERFILE"] == "services/Dockerfile"
    assert model["_SERVING_PORT"] == "8000"
    for name in ("directory", "page"):
        assert substitutions(wanted[name], settings)["_APP_URI"] == f"{registry}/guichet-{name}"


def test_an_invalid_build_file_is_reported_before_anything_is_built(deployment: Deployment) -> None:
    path = deployment.folder / BUILD_FILE
    path.write_text(path.read_text(encoding="utf-8") + "tags: ['${_COLOUR}']\n", encoding="utf-8")
    with pytest.raises(BuildFileError, match="_COLOUR has no value"):
        deployment.up()
    path.unlink()
    with pytest.raises(BuildFileError, match="cannot be read"):
        deployment.up()
    assert not deployment.cloud.writes


def test_every_input_exists() -> None:
    """A pattern without a match is misspelt, or its files were moved."""
    for image in images_to_build((), load_catalog()).values():
        for pattern in image.inputs:
            assert Path(pattern).is_absolute() or any(ROOT.glob(pattern)), f"{image.name}: {pattern}"
