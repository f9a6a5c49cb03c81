"""The real image as an arbitrary user, on a read-only root, under seccomp: it serves, and contains a broken decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from benchmarks.harness.hostile_images import HostileImage, hostile_images
from benchmarks.harness.image_files import drawing, encoded
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT
from tests.images.containers import ANY_USER, Containers, Running
from tests.images.source import Built
from tests.services.classifier.workers.attempts import ATTEMPTS

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(1800)]

REQUIRED = {"GUICHET_SANDBOX": "required"}
KINDS = "PNG RGB, PNG RGBA, PNG P, PNG I;16, WEBP RGB, WEBP RGBA, GIF P, BMP RGB, JPEG RGB, JPEG CMYK, JPEG L"
MODULES = ("tests/images/injected_decoder.py", "tests/services/classifier/workers/attempts.py")
INJECTED = ["python", "-m", "tests.images.injected_decoder"]
# The attempts that nothing but seccomp refuses there.
REAL = ("fork", "kill", "mkdir", "signal-by-fcntl", "executable-memory")


@pytest.fixture(scope="module")
def serving(lite0: Built, started: Containers) -> Iterator[Running]:
    with started.start(lite0.image, REQUIRED, {}, user=ANY_USER) as running:
        yield running


def injected(
    started: Containers, image: str, folder: Path, **variables: str
) -> contextlib.AbstractContextManager[Running]:
    """The image with code in its decoder."""
    mounts = {}
    for module in MODULES:
        copy = folder / Path(module).name
        copy.write_bytes((ROOT / module).read_bytes())
        copy.chmod(0o644)
        mounts[copy] = f"/app/{module}"
    return started.start(image, variables, mounts, INJECTED, ANY_USER)


def outcomes(running: Running, names: Iterable[str]) -> dict[str, str]:
    return {name: running.ask("/predict", f"attack: {name}".encode()).json["detail"] for name in names}


def test_a_photo_is_predicted(serving: Running, photos: list[Photo]) -> None:
    answer = serving.ask("/predict", photos[0].data)
    assert (answer.status, len(answer.json)) == (200, 5)


@pytest.mark.parametrize(("kind", "mode"), [kind.split() for kind in KINDS.split(", ")])
def test_every_kind_of_image_is_read(serving: Running, kind: str, mode: str) -> None:
    image = drawing().convert("L").convert(mode) if mode == "I;16" else drawing().convert(mode)
    answer = serving.ask("/predict", encoded(image, kind))
    assert (answer.status, len(answer.json)) == (200, 5)


@pytest.mark.parametrize("image", hostile_images(), ids=str)
def test_a_hostile_image_gets_its_response(serving: Running, image: HostileImage) -> None:
    answer = serving.ask("/predict", image.made())
    assert (answer.status, "" if answer.status == 200 else answer.json["code"]) == (image.status, image.code)


def test_code_in_a_decoder_can_do_nothing_outside_its_process(
    lite0: Built, started: Containers, tmp_path: Path, photos: list[Photo]
) -> None:
    with injected(started, lite0.image, tmp_path, **REQUIRED) as running:
        assert outcomes(running, ATTEMPTS) == dict.fromkeys(ATTEMPTS, "refused")
        assert running.ask("/predict", photos[0].data).status == 200
        assert "forged" not in running.stopped()


def test_without_a_filter_the_same_code_does_harm(lite0: Built, started: Containers, tmp_path: Path) -> None:
    """So the attempts are real there too."""
    with injected(started, lite0.image, tmp_path, UNRESTRICTED="1") as running:
        assert outcomes(running, REAL) == dict.fromkeys(REAL, "succeeded")


def test_without_seccomp_an_image_that_requires_it_does_not_start(
    lite0: Built, started: Containers, tmp_path: Path
) -> None:
    with injected(started, lite0.image, tmp_path, UNRESTRICTED="1", **REQUIRED) as running:
        said = running.process.communicate(timeout=30)[0]
    assert running.process.returncode == 1
    assert "GUICHET_SANDBOX" in said
