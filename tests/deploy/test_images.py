"""What decides an image's content, and what fills in its Cloud Build file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import DeployError, SettingsError
from deploy.images import content, substitutions, wanted_images
from deploy.settings import ROOT, Settings
from services.catalog import load_catalog
from tests.deploy.world import World


def contents(world: World) -> dict[str, str]:
    catalog = load_catalog(world.folder / "models.yaml")
    return {name: content(image, world.folder) for name, image in wanted_images((), catalog).items()}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param("services/classifier/app.py", {"alpha", "beta"}, id="the models' code"),
        pytest.param("services/export/new.py", {"alpha", "beta"}, id="the export"),
        pytest.param("services/directory/app.py", {"directory"}, id="the directory's code"),
        pytest.param("services/web/new.py", {"alpha", "beta", "directory"}, id="what services share"),
        pytest.param("services/base.Dockerfile", {"alpha", "beta", "directory", "page"}, id="the base"),
        pytest.param("frontend/app.py", {"page"}, id="the page"),
        pytest.param("cloudbuild/page.yaml", {"page"}, id="a build file"),
        pytest.param(".dockerignore", {"alpha", "beta", "directory", "page"}, id="what builds may see"),
        pytest.param("README.md", set(), id="a text"),
        pytest.param("frontend/__pycache__/app.cpython-311.pyc", set(), id="bytecode"),
        pytest.param("tests/test_new.py", set(), id="a test"),
    ],
)
def test_a_change_touches_the_images_that_are_made_from_it(world: World, change: str, changed: set[str]) -> None:
    before = contents(world)
    path = world.folder / change
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# changed\n", encoding="utf-8")
    after = contents(world)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_change_of_the_catalog_touches_its_model_alone(world: World) -> None:
    (world.folder / "calibration").mkdir()
    (world.folder / "calibration/1_goldfish.jpg").write_bytes(b"photo")
    before = contents(world)
    world.write_catalog("alpha", "beta", beta="    precision: int8\n")
    after = contents(world)
    assert {name for name in before if before[name] != after[name]} == {"beta"}


def test_how_a_model_runs_needs_no_new_image(world: World) -> None:
    before = contents(world)
    world.write_catalog(
        "alpha", "beta", beta="    memory: 2Gi\n    concurrency: 3\n    min_instances: 1\n    quota: null\n"
    )
    assert contents(world) == before


def test_int8_without_photos_is_refused_before_anything_is_built(world: World) -> None:
    world.write_catalog("alpha", "beta", beta="    precision: int8\n")
    with pytest.raises(SettingsError, match="beta/precision: int8 takes its ranges from photos: put a hundred or so"):
        world.plan()
    photos = world.folder / "calibration"
    photos.mkdir()
    (photos / "1_goldfish.jpg").write_bytes(b"photo")
    before = contents(world)
    (photos / "1_goldfish.jpg").write_bytes(b"another")
    after = contents(world)
    assert {name for name in before if before[name] != after[name]} == {"beta"}


def test_a_models_own_labels_decide_its_content(world: World) -> None:
    labels = world.folder / "labels.txt"
    labels.write_text("one\ntwo\n", encoding="utf-8")
    world.write_catalog("alpha", "beta", alpha="    labels: labels.txt\n")
    before = contents(world)
    labels.write_text("one\nthree\n", encoding="utf-8")
    after = contents(world)
    assert {name for name in before if before[name] != after[name]} == {"alpha"}


def test_our_cloud_build_files_are_given_just_what_they_use() -> None:
    settings, wanted = Settings("my-project", root=ROOT), wanted_images(["efficientnet-lite0"], load_catalog())
    registry = "us-central1-docker.pkg.dev/my-project/hw5-images"
    model = substitutions(wanted["efficientnet-lite0"], settings)
    assert model["_APP_URI"] == f"{registry}/guichet-efficientnet-lite0"
    assert model["_BASE_IMAGE_URI"] == f"{registry}/guichet-base"
    assert model["_MODEL_NAME"] == "efficientnet-lite0"
    assert model["_TARGET_DOCKERFILE"] == "services/Dockerfile"
    assert model["_SERVING_PORT"] == "8000"
    for name in ("directory", "page"):
        assert substitutions(wanted[name], settings)["_APP_URI"] == f"{registry}/guichet-{name}"


def test_a_substitution_that_nobody_fills_in_is_named(world: World) -> None:
    path = world.folder / "cloudbuild/page.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "tags: ['${_COLOUR}']\n", encoding="utf-8")
    image = wanted_images((), load_catalog(world.folder / "models.yaml"))["page"]
    with pytest.raises(DeployError, match=r"cloudbuild/page.yaml uses _COLOUR"):
        substitutions(image, world.settings)
    path.unlink()
    with pytest.raises(DeployError, match=r"cloudbuild/page.yaml cannot be read"):
        substitutions(image, world.settings)


def test_every_input_of_our_images_is_there() -> None:
    """A glob that matches nothing was misspelt, or its files were moved."""
    for image in wanted_images((), load_catalog()).values():
        for pattern in image.inputs:
            assert Path(pattern).is_absolute() or any(ROOT.glob(pattern)), f"{image.name}: {pattern}"
