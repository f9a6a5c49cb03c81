"""Hostile images sent to the real service: the response to each, and its cost.

Cases 21 to 33, 54 and 64 of the hostile inputs; test_pixels tests the decoder alone, and
`python -m benchmarks.hostile_images` also sends Pillow's collection.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from benchmarks.harness.cost import Cost, measure_cost
from benchmarks.harness.hostile_images import HostileImage, hostile_images, largest_images
from benchmarks.harness.image_files import encoded, gradient, mutations
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import pss, wait_for
from services.catalog import load_catalog
from tests.running import Service, StartService
from tests.services.raw_http import Reference, require_log_lines, require_no_internals

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="reads what processes cost from Linux's /proc"),
]

MIB = 2**20
CPU_SECONDS = 2.0
GROWTH = 300 * MIB
# For images that are refused from their header alone.
UNREAD_GROWTH = 20 * MIB
SCANS_SECONDS = 0.1
BOMB_SECONDS = 1.0


@pytest.fixture(scope="module")
def service(lite0: Service) -> Iterator[Service]:
    """The real service, which has imported all decoders; its log is checked at the end."""
    for kind in ("HEIF", "AVIF", "TIFF"):
        assert post(lite0, encoded(gradient(), kind)).status_code == 200
    yield lite0
    require_log_lines(lite0)


@pytest.fixture(scope="module")
def reference(service: Service, photos: list[Photo]) -> Reference:
    """The prediction for a good photo, requested before any hostile image."""
    return Reference(service, photos[0].data)


def post(service: Service, data: bytes, content_type: str = "image/jpeg") -> requests.Response:
    return requests.post(f"{service.url}/predict", data=data, headers={"Content-Type": content_type}, timeout=60)


def sent(service: Service, data: bytes) -> tuple[requests.Response, Cost]:
    return measure_cost(service.process.pid, lambda: post(service, data))


@pytest.mark.parametrize("image", hostile_images(), ids=str)
def test_a_hostile_image_gets_its_response_at_little_cost_and_without_harm(
    service: Service, reference: Reference, image: HostileImage
) -> None:
    response, cost = sent(service, image.made())
    code = "" if response.status_code == 200 else response.json()["code"]
    assert (response.status_code, code) == (image.status, image.code), response.text
    require_no_internals(response.content, str(response.headers))
    assert not cost.killed
    assert cost.seconds <= {26: SCANS_SECONDS, 27: BOMB_SECONDS}.get(image.case, CPU_SECONDS)
    assert cost.growth <= (UNREAD_GROWTH if image.case in (24, 26) else GROWTH)
    reference.require_unharmed()


KINDS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85},
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "WEBP": {"quality": 80},
    "HEIF": {"quality": 80},
    "AVIF": {"quality": 80},
    "TIFF": {"compression": "tiff_lzw"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_randomly_mutated_images_are_predicted_or_refused_without_harm(
    service: Service, reference: Reference, kind: str
) -> None:
    data = encoded(gradient(120, 90), kind, **KINDS[kind])
    responses = {
        (response.status_code, code_of(response)) for response in map_post(service, mutations(data, 80, seed=len(data)))
    }
    refusals = {"image_unsupported", "image_corrupt", "image_too_many_pixels", "image_too_complex"}
    assert responses <= {(200, "")} | {(415 if code == "image_unsupported" else 422, code) for code in refusals}
    assert (200, "") in responses
    reference.require_unharmed()


def map_post(service: Service, bodies: Iterator[bytes]) -> list[requests.Response]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda body: post(service, body), bodies))


def code_of(response: requests.Response) -> str:
    return "" if response.status_code == 200 else str(response.json()["code"])


@pytest.mark.parametrize(
    ("kind", "claimed"),
    [("PNG", "image/jpeg"), ("PNG", "image/gif"), ("JPEG", "image/svg+xml"), ("JPEG", "application/octet-stream")],
)
def test_the_format_is_detected_from_the_bytes(service: Service, photos: list[Photo], kind: str, claimed: str) -> None:
    with Image.open(photos[0].path) as photo:
        data = encoded(photo.convert("RGB"), kind)
    honest = post(service, data, f"image/{kind.lower()}")
    assert honest.status_code == 200
    assert post(service, data, claimed).json() == honest.json()
    named = requests.post(f"{service.url}/predict", files={"image": ("x.txt", data, claimed)}, timeout=10)
    assert named.json() == honest.json()


def test_an_image_that_kills_the_decoder_fails_only_its_own_request(
    start_service: StartService, photos: list[Photo]
) -> None:
    """The response is 422 and the connection stays open, so that no proxy retries the request."""
    service = start_service("tests.services.corrupt_decoder", MODEL_NAME="efficientnet-lite0")
    reference = Reference(service, photos[0].data)
    before = {child.pid for child in psutil.Process(service.process.pid).children(recursive=True)}
    with requests.Session() as session, ThreadPoolExecutor(3) as pool:
        good = [pool.submit(post, service, photos[0].data) for _ in range(20)]
        for _ in range(3):
            response = session.post(f"{service.url}/predict", data=b"segfault", timeout=10)
            assert (response.status_code, response.json()["code"]) == (422, "image_corrupt")
            assert response.headers.get("Connection", "keep-alive") != "close"
        assert {each.result().status_code for each in good} == {200}
    reference.require_unharmed()

    def family() -> set[int]:
        return {child.pid for child in psutil.Process(service.process.pid).children(recursive=True)}

    wait_for(lambda: len(family()) == len(before), 20, "the dead workers to be gone")
    assert 1 <= len(before - family()) <= 3
    wait_for(lambda: service.log.read_text().count("POST /predict 422") == 3, 20, "the last line of the log")
    lines = require_log_lines(service)
    assert not [line for line in lines if line["severity"] in ("ERROR", "CRITICAL")]


def test_eight_of_the_largest_images_at_once_fit_in_the_memory_of_an_instance(start_service: StartService) -> None:
    """On as many CPUs as the catalog says; the peak of the memory in use, counting shared memory once."""
    model = load_catalog()["efficientnet-lite0"]
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(mine)[: model.cpu]))
    try:
        # A busy machine may need more than the deadline of the catalog.
        service = start_service(**model.environment | {"GUICHET_DEADLINE": "600"})
    finally:
        os.sched_setaffinity(0, mine)
    family = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
    peaks, over = [0], threading.Event()

    def measure() -> None:
        while not over.wait(0.02):
            peaks.append(sum(pss(process.pid) for process in family))

    measuring = threading.Thread(target=measure)
    measuring.start()
    try:
        with ThreadPoolExecutor(model.concurrency) as pool:
            for image in largest_images()[:2]:
                data = image.made()
                responses = list(pool.map(lambda body: post(service, body), [data] * model.concurrency))
                assert {response.status_code for response in responses} == {image.status}, image
    finally:
        over.set()
        measuring.join()
    assert max(peaks) < int(model.memory.removesuffix("Mi")) * MIB
    assert all(process.is_running() for process in family)
    assert json.loads(requests.get(f"{service.url}/ready", timeout=5).text)["status"] == "ready"
