"""Decoding in other processes: the same pixels, and a picture that kills its process costs nobody else anything."""

import contextlib
import faulthandler
import io
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from services.artifact import Preprocess
from services.classifier.decoding.nursery import Nursery
from services.classifier.decoding.pixels import Pixels, decoded_pixels
from services.classifier.decoding.pool import DecoderPool
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageUnsupported, NotReady
from tests.running import Photo, Service, wait_for

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's memory files"),
    # The test runner has threads of its own; the service has none when it forks.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]

RECIPE = Preprocess(resize=256, crop=224, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
DECODE = partial(decoded_pixels, preprocess=RECIPE)
BLANK = np.zeros((224, 224, 3), np.uint8)


def can_open() -> bool:
    """Whether this process can open a file, a socket, or another descriptor."""
    for attempt in (lambda: os.open("/etc/passwd", os.O_RDONLY), socket.socket, lambda: os.dup(0)):
        with contextlib.suppress(OSError):
            attempt()
            return True
    return False


def hostile(data: bytes) -> Pixels:
    """Decodes, unless the bytes are one of these words."""
    if data == b"segfault":
        faulthandler.disable()  # the test runner's, which would print its own report
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"compute for ever":
        while True:
            pass
    if data == b"take all memory":
        return np.ones((4000, 4000, 100), np.uint8)
    if data == b"open":
        return BLANK + int(can_open())
    return DECODE(data)


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    """Two processes that decode; losing them all is a failure."""
    with opened_pool(lambda: pytest.fail("the nursery is gone")) as opened:
        yield opened


@contextlib.contextmanager
def opened_pool(lost: Callable[[], None]) -> Iterator[DecoderPool]:
    nursery = Nursery.open(hostile)
    pool = DecoderPool(nursery, RECIPE.crop, 2, 1 << 20, lost)
    try:
        yield pool
    finally:
        pool.close()
        nursery.control.close()


def test_the_pixels_are_those_of_decoding_in_the_same_process(pool: DecoderPool, photos: list[Photo]) -> None:
    for photo in photos:
        assert np.array_equal(pool.pixels(photo.data), DECODE(photo.data))


def test_what_is_wrong_with_a_picture_comes_back_as_its_problem(pool: DecoderPool, photos: list[Photo]) -> None:
    with pytest.raises(ImageUnsupported, match="not an image this service reads"):
        pool.pixels(b"text")
    with pytest.raises(ImageCorrupt, match="damaged or cut short"):
        pool.pixels(photos[0].data[:2000])


@pytest.mark.parametrize("word", ["segfault", "compute for ever"])
def test_a_picture_that_kills_its_process_is_refused_and_the_next_is_read(
    pool: DecoderPool, photos: list[Photo], word: str
) -> None:
    expected = DECODE(photos[0].data)
    for _ in range(3 if word == "segfault" else 1):
        with pytest.raises(ImageCorrupt, match="cannot be decoded"):
            pool.pixels(word.encode())
        assert np.array_equal(pool.pixels(photos[0].data), expected)


def test_a_picture_that_takes_too_much_memory_is_refused(pool: DecoderPool, photos: list[Photo]) -> None:
    with pytest.raises(ImageTooComplex, match="too much memory"):
        pool.pixels(b"take all memory")
    assert pool.pixels(photos[0].data).shape == (224, 224, 3)


def test_a_decoding_process_can_open_no_file_and_no_socket(pool: DecoderPool) -> None:
    assert not pool.pixels(b"open").any()


def test_without_the_nursery_the_service_says_it_is_not_ready_and_ends() -> None:
    lost: list[bool] = []
    before = set(psutil.Process().children())
    with opened_pool(lambda: lost.append(True)) as pool:
        (nursery,) = set(psutil.Process().children()) - before
        wait_for(lambda: len(nursery.children()) == 2, 5, "the decoders")
        family = nursery.children()
        for process in [nursery, *family]:
            process.kill()
        nursery.wait(5)
        for process in family:
            wait_for(lambda process=process: not process.is_running(), 5, "the decoders' end")
        with pytest.raises(NotReady):
            pool.pixels(b"anything")
    assert lost


KINDS = "PNG RGB, PNG RGBA, PNG P, PNG I;16, WEBP RGB, WEBP RGBA, GIF P, BMP RGB, JPEG CMYK, JPEG L"


@pytest.mark.parametrize(("kind", "mode"), [kind.split() for kind in KINDS.split(", ")])
def test_the_running_service_reads_every_kind_of_picture(
    lite0: Service, photos: list[Photo], kind: str, mode: str
) -> None:
    stream = io.BytesIO()
    with Image.open(photos[0].path) as photo:
        (photo.convert("L").convert(mode) if mode == "I;16" else photo.convert(mode)).save(stream, kind)
    answer = requests.post(f"{lite0.url}/predict", data=stream.getvalue(), timeout=20)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 5


def test_the_running_service_survives_the_death_of_its_decoders(lite0: Service, photos: list[Photo]) -> None:
    def predict() -> requests.Response:
        return requests.post(f"{lite0.url}/predict", data=photos[0].data, timeout=20)

    expected = predict().json()
    nurseries = [child for child in psutil.Process(lite0.process.pid).children() if len(child.threads()) == 1]
    decoders = [grandchild for child in nurseries for grandchild in child.children()]
    assert decoders
    for decoder in decoders:
        decoder.kill()
    for decoder in decoders:
        wait_for(lambda decoder=decoder: not decoder.is_running(), 5, "the decoders' end")
    assert [predict().json() for _ in range(len(decoders) + 1)] == [expected] * (len(decoders) + 1)
