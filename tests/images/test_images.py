"""The images themselves: built twice through the Cloud Build files, pushed to a registry, and started.

Minutes of work, most of it torch: `make test-images`. Everything is built from a copy of the source, which some tests
change.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.harness.photos import Photo
from deploy.cloudbuild.engines import Engine
from deploy.cloudbuild.image_sizes import image_sizes, layers
from deploy.plan.desired_state import listing
from gateway.product.openapi_document import openapi_document, public_document
from services.catalog import load_catalog
from services.published_document import published_text
from tests.images.conftest import MODEL
from tests.images.containers import ANY_USER, Containers, Running
from tests.images.source import Built, Source

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(1800)]
MB = 1_000_000


@contextlib.contextmanager
def first_in_line() -> Iterator[None]:
    """Within the block, what this process starts goes before the machine's other work, where that is allowed."""
    before = os.sched_getscheduler(0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, before, os.sched_param(0))


@pytest.fixture(scope="module")
def serving(lite0: Built, started: Containers) -> Iterator[Running]:
    with started.start(lite0.image, {}, {}) as running:
        yield running


def test_the_image_answers_a_photo_without_any_network(serving: Running, photos: list[Photo]) -> None:
    answer = serving.ask("/predict", photos[0].data)
    assert answer.status == 200
    labels = [prediction["label"] for prediction in answer.json]
    assert len(labels) == 5
    assert serving.ask("/model").json["labels"] == 1000


def test_the_first_photo_is_answered_within_a_second_and_a_half(
    lite0: Built, started: Containers, photos: list[Photo], record_property: Callable[[str, object], None]
) -> None:
    seconds = []
    with first_in_line():
        for _ in range(5):
            with started.start(lite0.image, {}, {}) as running:
                seconds.append(running.ask("/predict", photos[0].data).seconds)
    said = ", ".join(f"{value:.2f}" for value in sorted(seconds))
    record_property("seconds to the first answer", said)
    print(f"\nseconds from exec to the first answer: {said}")
    # The best of five, as other work on this machine only ever slows it down.
    assert min(seconds) < 1.5


def test_the_container_is_nobody_and_can_neither_write_nor_reach_out(lite0: Built, started: Containers) -> None:
    program = """
import os, socket
print(os.getuid(), os.getgid())
print([name for _, name in socket.if_nameindex()])
for place in ("/x", "/app/x", "/models/x", "/venv/x"):
    try:
        open(place, "w")
    except OSError as error:
        print(place, error.strerror)
"""
    with started.start(lite0.image, {}, {}, ["python", "-c", program]) as running:
        said = running.process.communicate(timeout=30)[0].splitlines()
    assert said[0] == "65532 65532"
    assert said[1] == "['lo']"
    assert [line.split(" ", 1)[1] for line in said[2:]] == ["Read-only file system"] * 4


@pytest.mark.parametrize("name", ["model.bin", "model.xml", "labels.txt", "receipt.json"])
def test_a_tampered_artifact_is_refused_with_one_line(
    lite0: Built, started: Containers, tmp_path: Path, artifacts: Path, name: str
) -> None:
    data = bytearray((artifacts / MODEL / name).read_bytes())
    data[len(data) // 2] ^= 1
    forged = tmp_path / name
    forged.write_bytes(data)
    forged.chmod(0o644)
    with started.start(lite0.image, {}, {forged: f"/models/{MODEL}/{name}"}) as running:
        said = running.process.communicate(timeout=30)[0].strip().splitlines()
        assert running.process.returncode == 1
    assert len(said) == 1, said
    line = json.loads(said[0])
    assert line["severity"] == "CRITICAL"
    assert f"/models/{MODEL}/" in line["message"]


def test_a_taken_port_is_honoured(lite0: Built, started: Containers) -> None:
    with started.start(lite0.image, {"PORT": "9123"}, {}) as running:
        assert running.ask("/live", port=9123).status == 200


def test_the_image_is_small_and_holds_no_tool_that_built_it(lite0: Built, engine: Engine) -> None:
    sizes = image_sizes(engine, MODEL, lite0.image)
    assert sizes.added < 300 * MB
    assert 5 * MB < sizes.artifact < 50 * MB
    assert sizes.code < MB
    paths = [path for layer in layers(engine, lite0.image)[-3:] for path in layer.paths]
    unwanted = re.compile(r"site-packages/(torch|nvidia|triton|nncf|pip)/|/(gcc|cc1|g\+\+|ld)$|\.cache/|\.whl$|\.pth$")
    assert [path for path in paths if unwanted.search(path)] == []


def test_a_second_submission_builds_nothing_and_pushes_no_layer(source: Source, lite0: Built) -> None:
    again = source.build(MODEL)
    assert not again.ran("--require-hashes")
    assert not again.ran("services.export --output")
    assert again.digests == lite0.digests
    assert sum(again.pushed.values()) < 20_000


def test_a_change_of_code_pushes_less_than_a_megabyte(source: Source, lite0: Built) -> None:
    source.change("services/classifier/app.py", lambda text: text + "\n# changed\n")
    changed = source.build(MODEL)
    assert not changed.ran("--require-hashes")
    assert not changed.ran("services.export --output")
    assert changed.digests[:-1] == lite0.digests[:-1]
    assert changed.digests[-1] != lite0.digests[-1]
    assert 0 < sum(changed.pushed.values()) < MB


def test_another_models_entry_changes_nothing(source: Source, lite0: Built) -> None:
    before = source.build(MODEL)
    source.change("services/models.yaml", lambda text: text.replace("title: ResNet-50", "title: ResNet fifty"))
    source.change("services/models.yaml", lambda text: text.replace("    cpu: 2", "    cpu: 4"))
    after = source.build(MODEL)
    assert not after.ran("services.export --output")
    assert after.digests == before.digests
    assert sum(after.pushed.values()) < 20_000


def test_an_export_that_runs_again_makes_the_very_same_layer(source: Source) -> None:
    before = source.build(MODEL)
    # Unlike anything that an earlier run has left in the cache.
    source.change("services/export/sources/network.py", lambda text: f"{text}\n# {uuid4()}\n")
    after = source.build(MODEL)
    assert after.ran("services.export --output")
    assert after.digests == before.digests


def test_code_that_is_built_again_makes_the_very_same_layer(source: Source) -> None:
    once = source.build("directory")
    for path in source.root.glob("services/**/*.py"):
        os.utime(path, (1, 1))
    image = f"{once.image}-again"
    build = ["build", "--no-cache", f"--build-arg=BASE_IMAGE={once.base}", f"--tag={image}"]
    for words in ([*build, "--file=services/directory/Dockerfile", "."], ["push", image]):
        subprocess.run(source.engine.command(words), cwd=source.root, check=True, capture_output=True)
    assert source.layers(image) == once.digests


def test_the_directorys_image_answers_as_any_user(source: Source, started: Containers, tmp_path: Path) -> None:
    catalog = load_catalog(source.root / "services/models.yaml")
    models = catalog.default
    addresses = {model.name: f"https://{model.service}.example" for model in models}
    document = openapi_document(models, addresses, "https://directory.example")
    file, place = tmp_path / "openapi.json", "/etc/guichet/openapi.json"
    file.write_text(published_text(public_document(document), listing(catalog, models)), encoding="utf-8")
    file.chmod(0o644)
    variables, mounts = {"GUICHET_DOCUMENT": place}, {file: place}
    with started.start(source.build("directory").image, variables, mounts, user=ANY_USER) as running:
        assert [model["name"] for model in running.ask("/v1/models").json["models"]] == [model.name for model in models]
        assert running.ask("/v1/openapi.json").json["info"] == document["info"]
        assert "swagger" in running.ask("/docs").text


def test_the_pages_image_answers_as_any_user(source: Source, started: Containers, tmp_path: Path) -> None:
    key = tmp_path / "api-key"
    key.write_text("secret\n")
    key.chmod(0o644)
    variables = {"API_GATEWAY": "http://127.0.0.1:8080", "API_KEY_FILE": "/etc/guichet/api-key"}
    image, mounts = source.build("page").image, {key: "/etc/guichet/api-key"}
    with started.start(image, variables, mounts, user=ANY_USER) as running:
        assert running.ask("/_stcore/health", patience=60).text == "ok"
        assert "<title>" in running.ask("/").text
    program = """
from streamlit.testing.v1 import AppTest
print(len(AppTest.from_file("/app/frontend/app.py", default_timeout=60).run().exception), "exceptions")
"""
    with started.start(image, variables, mounts, ["python", "-c", program], ANY_USER) as running:
        assert "0 exceptions" in running.process.communicate(timeout=90)[0].splitlines()
