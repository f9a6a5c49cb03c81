"""Predictions in workers: the same as in one process, and an image that kills its worker affects no other request."""

import asyncio
import contextlib
import ctypes
import dataclasses
import faulthandler
import gc
import io
import math
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from benchmarks.harness.image_files import encoded
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from services.artifact import ArtifactError, Receipt, read_receipt
from services.classifier.decoding.pixels import decoded_pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.pipeline import Decode, Network, Pipeline
from services.classifier.prediction import Prediction
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageUnsupported, NotReady
from services.classifier.workers.fork_server import ForkServer
from services.classifier.workers.pool import MAX_IMAGES, PILLOW_IMAGES, Pool
from services.classifier.workers.protocol import DONE, FIRST_PROBLEM, MISSING, PREDICTION
from services.classifier.workers.sandbox import limited
from services.problems import InternalError, Problem
from tests.running import Service
from tests.services.classifier.workers.attempts import ATTEMPTS, outcome

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's memory files"),
    # The test runner has threads of its own; the service has none when it forks.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]

NAME = "efficientnet-lite0"
FIVE = Parameters(top_k=5)


def reply(content: bytes) -> None:
    """Send a reply of our own to the service, from inside the decoder."""
    (channel,) = [
        item for item in gc.get_objects() if isinstance(item, socket.socket) and item.type == socket.SOCK_SEQPACKET
    ]
    channel.send(content)


def hostile(decode: Decode, data: bytes) -> Pixels:
    """Decode the image, unless the bytes are one of these words."""
    if data == b"segfault":
        faulthandler.disable()  # the test runner's, which would print its own report
        ctypes.string_at(0)
    if data == b"compute for ever":
        while True:
            pass
    if data == b"take all memory":
        return np.ones((4000, 4000, 100), np.uint8)
    if data == b"stumble":
        raise RuntimeError("a decoder's own words")
    verb, _, words = data.partition(b": ")
    if verb == b"try":
        name, _, path = words.decode().partition(" ")
        raise ImageUnsupported(outcome(name, Path(path)))
    if verb == b"reply":
        reply(words)
        raise ImageUnsupported("This is the second reply.")
    if data == b"process id":
        raise ImageUnsupported(str(os.getpid()))
    if data == b"deaf":
        signal.setitimer(signal.ITIMER_PROF, 0)
        while True:
            pass
    if data == b"the wrong shape":
        return np.zeros((3, 3, 3), np.uint8)
    return decode(data)


@pytest.fixture(scope="module")
def folder(artifacts: Path) -> Path:
    return artifacts / NAME


@pytest.fixture(scope="module")
def receipt(folder: Path) -> Receipt:
    return read_receipt(folder)


@pytest.fixture(scope="module")
def alone(folder: Path, receipt: Receipt) -> Pipeline:
    """The same pipeline in the process of the tests."""
    return Pipeline(partial(decoded_pixels, preprocess=receipt.preprocess), Network.load(folder, receipt))


class OpenedPool:
    """A pool with its own event loop."""

    def __init__(self, fork_server: ForkServer, max_image: int, lost: Callable[[], None]) -> None:
        self._runner = asyncio.Runner()

        async def open_pool() -> Pool:
            pool = Pool(fork_server, 2, max_image, lost)
            pool.start()
            return pool

        try:
            self._pool = self._runner.run(open_pool())
        except BaseException:
            self._runner.close()
            raise

    def predict(self, image: bytes, parameters: Parameters) -> Prediction:
        return self._runner.run(asyncio.wait_for(self._pool.predict(image, parameters), 60))

    def cancel(self, image: bytes, seconds: float) -> None:
        """Request a prediction, and cancel it after `seconds`."""

        async def give_up() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.predict(image, FIVE), seconds)

        self._runner.run(give_up())

    def pause(self) -> None:
        """Run the event loop for a moment."""
        self._runner.run(asyncio.sleep(0.05))

    def memory(self) -> bytes:
        """What the memory shared with all workers contains."""
        return b"".join(worker._memory[:] for worker in self._pool._idle)

    def close(self) -> None:
        async def close_pool() -> None:
            self._pool.close()

        self._runner.run(close_pool())
        self._runner.close()


def detail(pool: OpenedPool, image: str) -> str:
    """The detail of the problem that the image causes."""
    with pytest.raises(ImageUnsupported) as caught:
        pool.predict(image.encode(), FIVE)
    return caught.value.detail


@contextlib.contextmanager
def opened_pool(
    folder: Path, receipt: Receipt, lost: Callable[[], None], max_image: int = 1 << 20, *, restrict: bool = True
) -> Iterator[OpenedPool]:
    decode = limited(partial(hostile, partial(decoded_pixels, preprocess=receipt.preprocess)))
    fork_server = ForkServer.open(lambda: Pipeline(decode, Network.load(folder, receipt)))
    pool = OpenedPool(dataclasses.replace(fork_server, restrict=restrict), max_image, lost)
    try:
        yield pool
    finally:
        pool.close()
        fork_server.control.close()


@pytest.fixture
def pool(folder: Path, receipt: Receipt) -> Iterator[OpenedPool]:
    """A pool of two workers; fails the test if no worker can be forked."""
    with opened_pool(folder, receipt, lambda: pytest.fail("the fork server is gone")) as opened:
        yield opened


def test_predictions_are_those_of_a_single_process(pool: OpenedPool, alone: Pipeline, photos: list[Photo]) -> None:
    for photo in photos:
        for function in FUNCTIONS:
            for top_k in (1, 5, 1000):
                parameters = Parameters(top_k, function)
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


def test_a_hundred_workers_in_a_row_predict_the_same(pool: OpenedPool, alone: Pipeline, photos: list[Photo]) -> None:
    """Each is forked from a process in which OpenVINO has threads, which it does not inherit."""
    expected = [alone.predict(photo.data, FIVE).body for photo in photos]
    for turn in range(100):
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
    wait_for(lambda: not worker.is_running(), 5, "the worker's end")


def test_workers_end_with_the_fork_server(folder: Path, receipt: Receipt) -> None:
    with opened_pool(folder, receipt, lambda: None) as pool:
        worker = psutil.Process(int(detail(pool, "process id")))
        pool.cancel(b"deaf", 0.05)
        worker = psutil.Process(int(detail(pool, "process id")))
        worker.parent().kill()  # type: ignore[union-attr]  # the fork server
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 5, "the worker's end")


def test_a_cancelled_prediction_is_not_returned_to_the_next_request(
    pool: OpenedPool, alone: Pipeline, photos: list[Photo]
) -> None:
    for _ in range(3):
        pool.cancel(b"compute for ever", 0.05)
    assert pool.predict(photos[0].data, FIVE).body == alone.predict(photos[0].data, FIVE).body


def resident_code(process: psutil.Process) -> int:
    """Bytes of OpenVINO's code that the process has in memory."""
    areas = process.memory_maps(grouped=False)
    return sum(area.rss for area in areas if "x" in area.perms and "openvino" in area.path)


def test_code_that_only_compiles_the_network_is_released(folder: Path, receipt: Receipt, photos: list[Photo]) -> None:
    before = set(psutil.Process().children())
    with opened_pool(folder, receipt, lambda: None) as pool:
        (fork_server,) = set(psutil.Process().children()) - before
        wait_for(lambda: resident_code(fork_server) < 1 << 20, 10, "the code to be released")
        with pytest.raises(ImageCorrupt):
            pool.predict(b"segfault", FIVE)
        assert pool.predict(photos[0].data, FIVE).body


def test_without_the_fork_server_the_service_is_not_ready_and_stops(folder: Path, receipt: Receipt) -> None:
    lost: list[bool] = []
    before = set(psutil.Process().children())
    with opened_pool(folder, receipt, lambda: lost.append(True)) as pool:
        (fork_server,) = set(psutil.Process().children()) - before
        wait_for(lambda: len(fork_server.children()) == 2, 5, "the processes")
        family = fork_server.children()
        for process in [fork_server, *family]:
            process.kill()
        fork_server.wait(5)
        psutil.wait_procs(family, 5)
        with pytest.raises(NotReady):
            pool.predict(b"anything", FIVE)
    assert lost


def test_a_fork_server_that_runs_out_of_memory_is_reported() -> None:
    fork_server = ForkServer.open(lambda: os.kill(os.getpid(), signal.SIGKILL))  # type: ignore[arg-type, return-value]
    with pytest.raises(ArtifactError, match="out of memory"):
        OpenedPool(fork_server, 1 << 20, lambda: None)
    fork_server.control.close()


KINDS = (
    "PNG RGB, PNG RGBA, PNG P, PNG I;16, WEBP RGB, WEBP RGBA, GIF P, BMP RGB, JPEG CMYK, JPEG L, MPO RGB,"
    " HEIF RGB, HEIF L, HEIF RGBA, AVIF RGB, AVIF L, AVIF RGBA, TIFF RGB, TIFF I;16, TIFF 1"
)


@pytest.mark.parametrize(("kind", "mode"), [kind.split() for kind in KINDS.split(", ")])
def test_the_running_service_reads_every_kind_of_image(
    lite0: Service, photos: list[Photo], kind: str, mode: str
) -> None:
    with Image.open(photos[0].path) as photo:
        data = encoded(photo.convert("L").convert(mode) if mode == "I;16" else photo.convert(mode), kind)
    response = requests.post(f"{lite0.url}/predict", data=data, timeout=20)
    assert response.status_code == 200, response.text
    assert len(response.json()) == 5


def test_the_running_service_survives_the_death_of_its_workers(lite0: Service, photos: list[Photo]) -> None:
    def predict() -> requests.Response:
        return requests.post(f"{lite0.url}/predict", data=photos[0].data, timeout=20)

    expected = predict().json()
    children = [worker for forker in psutil.Process(lite0.process.pid).children() for worker in forker.children()]
    assert children
    for child in children:
        child.kill()
    wait_for(lambda: all(child.status() == psutil.STATUS_ZOMBIE for child in children), 5, "the processes' end")
    assert [predict().json() for _ in range(len(children) + 1)] == [expected] * (len(children) + 1)


def test_the_workers_of_a_running_service_have_no_files_but_their_channel_and_memory(lite0: Service) -> None:
    workers = [worker for forker in psutil.Process(lite0.process.pid).children() for worker in forker.children()]
    for worker in [worker for worker in workers if worker.status() != psutil.STATUS_ZOMBIE]:
        opened = {int(file.name): str(file.readlink()) for file in Path("/proc", str(worker.pid), "fd").iterdir()}
        assert [opened.pop(stream) for stream in range(3)] == ["/dev/null"] * 3
        assert {Path(target.partition(":")[0]).name for target in opened.values()} <= {"memfd", "socket", "model.bin"}
        assert "Seccomp:\t2" in Path("/proc", str(worker.pid), "status").read_text()
