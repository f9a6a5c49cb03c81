"""Local builds of small images, with the real engine and a real registry."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.cloudbuild.engines import Engine, EngineError
from deploy.cloudbuild.local_build import BuildFailed, LocalBuild
from tests.images.registry import Registry

pytestmark = pytest.mark.integration

DOCKER = "name: gcr.io/cloud-builders/docker"
PULL_BUILD_PUSH = f"""
substitutions: {{_WORD: hello}}
steps:
  - {{id: last, {DOCKER}, args: [pull, "${{_URI}}:latest"], allowFailure: true}}
  - id: image
    {DOCKER}
    env: [DOCKER_BUILDKIT=1]
    args: [build, "--build-arg=WORD=${{_WORD}}", "--tag=${{_URI}}:${{BUILD_ID}}", "--tag=${{_URI}}:latest", .]
images: ["${{_URI}}:${{BUILD_ID}}", "${{_URI}}:latest"]
"""


class Program:
    """An engine that runs the same program for every step."""

    name = "the program"

    def __init__(self, *words: str) -> None:
        self.words = words

    def command(self, words: Sequence[str]) -> tuple[str, ...]:
        return self.words

    def saved(self, image: str, file: str) -> tuple[str, ...]:
        return self.words


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A source whose image contains one unique file, so that no cached image matches."""
    (tmp_path / "Dockerfile").write_text('FROM scratch\nARG WORD\nLABEL word="${WORD}"\nCOPY file /file\n')
    (tmp_path / "file").write_text(f"{uuid.uuid4()}\n")
    return tmp_path


class Run:
    """Runs a build file's text in a folder and keeps what was said."""

    def __init__(self, engine: Engine, root: Path, push: bool = True) -> None:
        self.said: list[tuple[str, str]] = []
        self.root = root
        self.runner = LocalBuild(engine, root, lambda step, line: self.said.append((step, line)), push)

    def __call__(self, text: str, **given: str) -> str:
        (self.root / "build.yaml").write_text(text)
        return self.runner.run("build.yaml", given)


def test_the_steps_run_and_the_images_are_pushed(engine: Engine, registry: Registry, root: Path) -> None:
    run = Run(engine, root)
    uri = f"{registry.address}/small/carried-out"
    first = run(PULL_BUILD_PUSH, _URI=uri)
    assert any(step == "last" and "which the step allows" in line for step, line in run.said)
    tags = registry.folder / "docker/registry/v2/repositories/small/carried-out/_manifests/tags"
    assert sorted(tag.name for tag in tags.iterdir()) == sorted([first, "latest"])

    before = registry.blobs()
    second = Run(engine, root)(PULL_BUILD_PUSH, _URI=uri, _WORD="hello")
    links = {(tags / tag / "current/link").read_text() for tag in (first, second, "latest")}
    assert first != second
    assert len(links) == 1, "nothing changed, and so it is the same image"
    assert registry.blobs() == before


def test_images_are_not_pushed_without_a_registry(engine: Engine, registry: Registry, root: Path) -> None:
    Run(engine, root, push=False)(PULL_BUILD_PUSH, _URI=f"{registry.address}/small/kept")
    assert not (registry.folder / "docker/registry/v2/repositories/small/kept").exists()


def test_nothing_is_pushed_after_a_failed_step(engine: Engine, registry: Registry, root: Path) -> None:
    run = Run(engine, root)
    (root / "file").unlink()
    with pytest.raises(BuildFailed, match=r"The step 'image' failed: .* see the output above"):
        run(PULL_BUILD_PUSH, _URI=f"{registry.address}/small/failed")
    assert not (registry.folder / "docker/registry/v2/repositories/small/failed").exists()
    assert any("file" in line for step, line in run.said if step == "image")


def test_pushing_a_missing_image_fails(engine: Engine, registry: Registry, root: Path) -> None:
    image = f"{registry.address}/small/missing:1"
    text = f"steps: [{{{DOCKER}, args: [tag, {image}, {image}], allowFailure: true}}]\nimages: ['{image}']\n"
    with pytest.raises(BuildFailed, match=f"{image} could not be pushed"):
        Run(engine, root)(text)


def test_a_step_that_exceeds_its_timeout_is_ended(root: Path) -> None:
    run = Run(Program("sleep", "60"), root)
    with pytest.raises(BuildFailed, match="The step 'slow' exceeded its timeout"):
        run(f"steps: [{{id: slow, {DOCKER}, args: [version], timeout: 0.2s}}]\n")


def test_allowed_exit_codes_do_not_fail_the_build(root: Path) -> None:
    text = f"steps: [{{id: odd, {DOCKER}, args: [version], allowExitCodes: [CODE]}}]\n"
    run = Run(Program("sh", "-c", "exit 3"), root)
    run(text.replace("CODE", "3"))
    with pytest.raises(BuildFailed, match="exited with 3"):
        run(text.replace("CODE", "4"))


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("name: gcr.io/google.com/cloudsdktool/cloud-sdk, args: [gcloud]", id="another-builder"),
        pytest.param(f"{DOCKER}, entrypoint: bash, args: [script.sh]", id="another-program"),
        pytest.param(f"{DOCKER}, script: docker version", id="script"),
    ],
)
def test_unsupported_steps_are_errors_before_anything_runs(engine: Engine, root: Path, step: str) -> None:
    run = Run(engine, root)
    with pytest.raises(EngineError, match=r"steps\[1\] \(other\) is not a plain call of docker"):
        run(f"steps:\n- {{{DOCKER}, args: [tag, a, b]}}\n- {{id: other, {step}}}\n")
    assert run.said == []
