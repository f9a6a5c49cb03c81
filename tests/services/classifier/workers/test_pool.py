"""Predictions in workers: the same as in one process, and an image that kills its worker affects no other request."""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image

from benchmarks.harness.image_files import encoded
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from services.artifact import Receipt
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Pipeline
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageUnsupported
from services.classifier.workers.messages import DONE, FIRST_PROBLEM, MISSING, PREDICTION
from services.classifier.workers.pool import MAX_IMAGES, PILLOW_IMAGES
from services.problems import InternalError, Problem
from tests.running import Service
from tests.services.classifier.workers.attempts import ATTEMPTS
from tests.services.classifier.workers.opened_pool import FIVE, OpenedPool, detail, opened_pool

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's memory files"),
    # The test runner has threads of its own; the service has none when it forks.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


def test_predictions_are_those_of_a_single_process(pool: OpenedPool, alone: Pipeline, photos: list[Photo]) -> None:
    all_parameters = [Parameters(top_k, function) for function in FUNCTIONS for top_k in (1, 5, 1000)]
    cases = [(photos[0], parameters) for parameters in all_parameters] + [(photo, FIVE) for photo in photos]
    for photo, parameters in cases:
        prediction = pool.predict(photo.data, parameters)
        assert prediction.body == alone.predict(photo.data, parameters).body
        assert prediction.decode > 0
        assert prediction.infer > 0


def test_a_prediction_may_be_larger_than_the_largest_image(folder: Path, receipt: Receipt, alone: Pipeline) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (9, 9)).save(stream, "PNG")
    image, everything = stream.getvalue(), Parameters(receipt.labels, "none")
    with opened_pool(folder, receipt, lambda: None, max_image=len(image)) as small:
        assert small.predict(image, everything).body == alone.predict(image, everything).body


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF"])
def test_the_first_image_of_a_rare_format_gets_a_worker_with_its_decoder(
    folder: Path, receipt: Receipt, alone: Pipeline, photos: list[Photo], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = encoded(Image.open(io.BytesIO(photos[0].data)).resize((300, 200)), kind)
    for decoder in ("heif", "tiff"):
        # A fork server has not imported them; the process of the tests may have.
        monkeypatch.delitem(sys.modules, f"services.classifier.decoding.{decoder}", raising=False)
    with opened_pool(folder, receipt, lambda: None) as pool:
        first = detail(pool, "process id")
        prediction = pool.predict(image, FIVE)
        second = detail(pool, "process id")
        assert pool.predict(image, FIVE).body == prediction.body == alone.predict(image, FIVE).body
        assert detail(pool, "process id") == second != first


def test_an_invalid_image_raises_its_problem(pool: OpenedPool, photos: list[Photo]) -> None:
    with pytest.raises(ImageUnsupported, match="not in a supported format"):
        pool.predict(b"text", FIVE)
    with pytest.raises(ImageCorrupt, match="corrupt or truncated"):
        pool.predict(photos[0].data[:2000], FIVE)


@pytest.mark.parametrize("word", ["segfault", "compute for ever", "stumble"])
def test_an_image_that_kills_its_worker_is_refused_and_the_next_is_predicted(
    pool: OpenedPool, alone: Pipeline, photos: list[Photo], word: str
) -> None:
    expected = alone.predict(photos[0].data, FIVE).body
    for _ in range(1 if word == "compute for ever" else 3):
        with pytest.raises(ImageCorrupt, match=r"^The image cannot be decoded\.$"):
            pool.predict(word.encode(), FIVE)
        assert pool.predict(photos[0].data, FIVE).body == expected


def test_an_image_that_kills_its_worker_is_logged_with_its_size(
    pool: OpenedPool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ImageCorrupt):
        pool.predict(b"segfault", FIVE)
    (record,) = caplog.records
    assert (record.levelname, vars(record)["bytes"]) == ("WARNING", len(b"segfault"))


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.thorough)])
def test_many_workers_in_a_row_predict_the_same(
    pool: OpenedPool, alone: Pipeline, photos: list[Photo], count: int
) -> None:
    """Each is forked from a process in which OpenVINO has threads, which it does not inherit."""
    expected = [alone.predict(photo.data, FIVE).body for photo in photos]
    for turn in range(count):
        with pytest.raises(ImageCorrupt):
            pool.predict(b"segfault", FIVE)
        assert pool.predict(photos[turn % len(photos)].data, FIVE).body == expected[turn % len(photos)]


def test_an_image_that_needs_too_much_memory_is_refused(pool: OpenedPool, photos: list[Photo]) -> None:
    with pytest.raises(ImageTooComplex, match="too much memory"):
        pool.predict(b"take all memory", FIVE)
    assert pool.predict(photos[0].data, FIVE).body


def test_a_bug_is_an_internal_error_and_only_its_location_is_logged(
    pool: OpenedPool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InternalError, match="internal error"):
        pool.predict(b"the wrong shape", FIVE)
    (record,) = caplog.records
    assert record.message == "unforeseen error"
    assert vars(record)["kind"] == "ValueError"
    assert vars(record)["place"].startswith("services.classifier.engine")


@pytest.mark.parametrize("name", ATTEMPTS)
def test_code_in_a_decoder_can_do_nothing_outside_its_process(pool: OpenedPool, tmp_path: Path, name: str) -> None:
    (tmp_path / "old").touch()
    assert detail(pool, f"try: {name} {tmp_path}") == "refused"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_without_a_filter_the_same_code_does_harm(folder: Path, receipt: Receipt, tmp_path: Path) -> None:
    """So the attempts are real."""
    with opened_pool(folder, receipt, lambda: None, restrict=False) as pool:
        for name in ("fork", "kill", "mkdir", "signal-by-fcntl", "executable-memory"):
            assert detail(pool, f"try: {name} {tmp_path}") == "succeeded"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bytes([DONE]) + PREDICTION.pack(1 << 20, 0, 0), id="all-the-memory"),
        pytest.param(bytes([DONE]) + PREDICTION.pack(20, math.nan, 0), id="not-a-number"),
        pytest.param(bytes([DONE]) + PREDICTION.pack(20, 0, 0), id="no-prediction-in-the-memory"),
        pytest.param(b"\xff", id="unknown-code"),
        pytest.param(bytes([MISSING]), id="a-decoder-always-missing"),
        pytest.param(bytes([FIRST_PROBLEM]) + b"\xff", id="not-utf-8"),
    ],
)
def test_a_nonsense_reply_replaces_the_worker_and_the_next_request_is_predicted(
    pool: OpenedPool, alone: Pipeline, photos: list[Photo], content: bytes
) -> None:
    before = detail(pool, "process id")
    with pytest.raises(ImageCorrupt, match=r"^The image cannot be decoded\.$"):
        pool.predict(b"reply: " + content, FIVE)
    assert detail(pool, "process id") != before
    assert pool.predict(photos[0].data, FIVE).body == alone.predict(photos[0].data, FIVE).body


def test_a_reply_without_a_request_replaces_the_worker(pool: OpenedPool, alone: Pipeline, photos: list[Photo]) -> None:
    before = detail(pool, "process id")
    assert detail(pool, "reply: " + chr(FIRST_PROBLEM) + "first") == "first"
    pool.pause()
    assert pool.predict(photos[0].data, FIVE).body == alone.predict(photos[0].data, FIVE).body
    assert detail(pool, "process id") != before


def test_the_shared_memory_is_empty_after_each_request(pool: OpenedPool, photos: list[Photo]) -> None:
    for image in (photos[0].data, b"text", b"stumble"):
        with contextlib.suppress(Problem):
            pool.predict(image, Parameters(1000, "none"))
        assert not any(pool.memory())


def test_a_worker_is_renewed_after_a_number_of_images(pool: OpenedPool) -> None:
    most = MAX_IMAGES // PILLOW_IMAGES
    processes = [detail(pool, "process id") for _ in range(2 * most + 1)]
    assert max(Counter(processes).values()) == most


def test_a_worker_that_does_not_stop_is_killed(pool: OpenedPool) -> None:
    worker = psutil.Process(int(detail(pool, "process id")))
    pool.cancel(b"deaf", 0.05)
    wait_for(lambda: not worker.is_running(), 20, "the worker's end")


def test_a_cancelled_prediction_is_not_returned_to_the_next_request(
    pool: OpenedPool, alone: Pipeline, photos: list[Photo]
) -> None:
    for _ in range(3):
        pool.cancel(b"compute for ever", 0.05)
    assert pool.predict(photos[0].data, FIVE).body == alone.predict(photos[0].data, FIVE).body


def test_the_running_service_survives_the_death_of_its_workers(lite0: Service, photos: list[Photo]) -> None:
    def predict() -> requests.Response:
        return requests.post(f"{lite0.url}/predict", data=photos[0].data, timeout=20)

    expected = predict().json()
    children = [worker for forker in psutil.Process(lite0.process.pid).children() for worker in forker.children()]
    assert children
    for child in children:
        child.kill()
    wait_for(lambda: all(child.status() == psutil.STATUS_ZOMBIE for child in children), 20, "the processes' end")
    assert [predict().json() for _ in range(len(children) + 1)] == [expected] * (len(children) + 1)


def test_the_workers_of_a_running_service_have_no_files_but_their_channel_and_memory(lite0: Service) -> None:
    workers = [worker for forker in psutil.Process(lite0.process.pid).children() for worker in forker.children()]
    for worker in [worker for worker in workers if worker.status() != psutil.STATUS_ZOMBIE]:
        opened = {int(file.name): str(file.readlink()) for file in Path("/proc", str(worker.pid), "fd").iterdir()}
        assert [opened.pop(stream) for stream in range(3)] == ["/dev/null"] * 3
        assert {Path(target.partition(":")[0]).name for target in opened.values()} <= {"memfd", "socket", "model.bin"}
        assert "Seccomp:\t2" in Path("/proc", str(worker.pid), "status").read_text()
