"""Faults of the machine: no disk, memory, file descriptors or threads, an unread log, and a clock that jumps.

Cases 34 and 63 to 66 of the hostile inputs; test_logs has case 67.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino.opset15 as ops
import psutil
import pytest
import requests
from PIL import Image

from benchmarks.harness.image_files import encoded
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, responds, wait_for
from services.artifact import stored_file
from services.classifier.admission import Admission
from services.classifier.fetch.fetch import fetch_image
from services.classifier.fetch.transport import PublicNetwork
from services.classifier.problems import FetchTimeout, QueueTimeout
from services.classifier.workers.pool import MAX_IMAGES, PILLOW_IMAGES
from tests.running import Service, StartService
from tests.services.classifier.fetch.sites import is_silent, site
from tests.services.fake_model import StartFake
from tests.services.raw_http import (
    Reference,
    connection,
    head,
    http_process,
    require_log_lines,
    require_no_internals,
    responses,
)

pytestmark = pytest.mark.integration


def post(service: Service, words: str) -> requests.Response:
    return requests.post(f"{service.url}/predict", data=words, timeout=20)


def test_a_full_disk_does_not_affect_the_service(
    start_service: StartService, photos: list[Photo], tmp_path: Path
) -> None:
    """It writes no file but the log, not even for a form of 5 MB."""
    service = start_service(MODEL_NAME="efficientnet-lite0", TMPDIR=str(tmp_path), HOME=str(tmp_path))
    reference = Reference(service, photos[0].data)
    family = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
    for process in family:
        process.rlimit(psutil.RLIMIT_FSIZE, (0, 0))
    padded = photos[0].data + bytes(5 << 20)
    form = requests.post(f"{service.url}/predict", files={"image": ("a.jpg", padded)}, timeout=10)
    plain = requests.post(f"{service.url}/predict", data=padded, timeout=10)
    assert form.status_code == plain.status_code == 200
    assert form.json() == plain.json()
    reference.require_unharmed()
    opened = [file.path for process in family for file in process.open_files() if "w" in file.mode or "a" in file.mode]
    assert [path for path in opened if path != str(service.log)] == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_cannot_be_replaced_goes_on_or_is_replaced_later(start_service: StartService) -> None:
    """The memory that a worker shares with the service is a file, which a full disk limits here."""
    service = start_service(MODEL_NAME="efficientnet-lite0", GUICHET_PROCESSES="1")
    process = psutil.Process(service.process.pid)
    (fork_server,) = process.children()
    image = encoded(Image.new("RGB", (8, 8)), "PNG")

    def status(count: int = 1) -> set[int]:
        with requests.Session() as session:
            return {session.post(f"{service.url}/predict", data=image, timeout=10).status_code for _ in range(count)}

    no_limit = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, no_limit[1]))
    (worker,) = fork_server.children()
    assert status(MAX_IMAGES // PILLOW_IMAGES + 2) == {200}
    assert fork_server.children() == [worker]
    worker.kill()
    assert status() == {503}
    process.rlimit(psutil.RLIMIT_FSIZE, no_limit)
    assert status() == {200}


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("n nan", 500, "model_output_invalid"),
        ("n memory", 503, "out_of_memory"),
        ("n bug", 500, "internal"),
    ],
)
def test_an_internal_failure_is_a_problem_without_details(
    start_fake: StartFake, words: str, status: int, code: str
) -> None:
    fake = start_fake()
    response = post(fake.service, words)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers.get("Retry-After") == ("1" if status == 503 else None)
    require_no_internals(response.content)
    assert post(fake.service, "good").status_code == 200
    lines = require_places(fake.service)
    assert sum(line["severity"] == "ERROR" for line in lines) == (code != "model_output_invalid")


@pytest.fixture
def undefined(start_service: StartService, artifacts: Path, tmp_path: Path) -> Service:
    """The real service, with a network that divides 0 by 0 for a black image."""
    name = "efficientnet-lite0"
    folder = Path(shutil.copytree(artifacts / name, tmp_path / name))
    receipt = json.loads((folder / "receipt.json").read_text())
    side = receipt["preprocess"]["crop"]
    pixels = ops.parameter([1, side, side, 3], np.uint8)
    mean = ops.reduce_mean(ops.convert(pixels, np.float32), np.array([1, 2, 3]), keep_dims=False)
    logits = ops.multiply(ops.divide(mean, mean), np.linspace(0, 9, len(read_lines(folder)), dtype=np.float32)[None])
    openvino.save_model(openvino.Model([logits], [pixels]), folder / "model.xml", compress_to_fp16=False)
    for file in ("model.xml", "model.bin"):
        stored = stored_file(folder / file)
        receipt["files"][file] = {"bytes": stored.bytes, "sha256": stored.sha256}
    (folder / "receipt.json").write_text(json.dumps(receipt))
    return start_service(MODEL_NAME=name, MODEL_DIR=str(tmp_path))


def read_lines(folder: Path) -> list[str]:
    return (folder / "labels.txt").read_text().splitlines()


def test_three_invalid_outputs_in_a_row_make_the_service_not_ready(undefined: Service) -> None:
    def post_square(colour: str) -> requests.Response:
        return requests.post(
            f"{undefined.url}/predict", data=encoded(Image.new("RGB", (9, 9), colour), "PNG"), timeout=10
        )

    def ready() -> requests.Response:
        return requests.get(f"{undefined.url}/ready", timeout=5)

    for colour in ("black", "black", "white", "black", "black"):
        response = post_square(colour)
        assert (response.status_code == 200) == (colour == "white")
        assert "NaN" not in response.text
        if colour == "black":
            assert (response.status_code, response.json()["code"]) == (500, "model_output_invalid")
        # A valid output in between restarts the count.
        assert ready().status_code == 200
    assert post_square("black").status_code == 500
    refused = ready()
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "not_ready", "1")
    assert requests.get(f"{undefined.url}/live", timeout=5).status_code == 200
    assert post_square("white").status_code == 200
    assert ready().status_code == 200


def require_places(service: Service) -> list[dict[str, Any]]:
    """The log's lines; fails unless unforeseen errors are logged by type and location."""
    wait_for(lambda: "POST /predict 200" in service.log.read_text(), 20, "the last line of the log")
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    for line in lines:
        if line["message"] == "unforeseen error":
            assert (line["kind"], line["place"].partition(":")[0]) == ("KeyError", "__main__")
    return lines


@pytest.mark.parametrize("files", [40, 64])
def test_a_service_with_few_file_descriptors_refuses_connections_and_recovers(
    start_fake: StartFake, files: int
) -> None:
    fake = start_fake(FAKE_FILES=str(files))
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(100):
            # Send at once: an idle connection could be closed to make room for the next one.
            opened.append(stack.enter_context(connection(fake.service, 5)))
            opened[-1].sendall(head("POST", content_length="4"))
        statuses = []
        for sock in opened[-20:]:
            # Without a file descriptor even for a refusal, the kernel refuses.
            with contextlib.suppress(ConnectionError):
                statuses += [response.status for response in responses(sock.recv(4096))]
        assert set(statuses) <= {429}
    assert fake.service.process.poll() is None
    wait_for(lambda: responds(f"{fake.service.url}/live"), 20, "the service to have file descriptors again")
    assert post(fake.service, "good").status_code == 200
    require_log_lines(fake.service)


def test_accepting_resumes_when_file_descriptors_are_free_again(start_fake: StartFake) -> None:
    """As if something else in the process took them all: accepting stops, and resumes when some are free again."""
    fake = start_fake()
    process = http_process(fake.service)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 3, 1024))
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connection(fake.service))
        busy = process.cpu_times()
        threading.Event().wait(1)
        # The service does not spin meanwhile.
        assert sum(process.cpu_times()[:2]) - sum(busy[:2]) < 0.3
    wait_for(lambda: responds(f"{fake.service.url}/live"), 20, "the service to accept again")
    assert fake.service.process.poll() is None


def test_no_timeout_uses_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 1e9 + next(jumps) % 2 * 86400)
    admission = Admission(2, 1)
    began = time.monotonic()

    async def wait_too_long() -> None:
        now = asyncio.get_running_loop().time()
        async with admission.worker(now + 5, bool):
            with pytest.raises(QueueTimeout):
                async with admission.worker(now + 0.2, bool):
                    pass

    asyncio.run(wait_too_long())
    with site(is_silent) as served, pytest.raises(FetchTimeout):
        asyncio.run(fetch_image(served.url, PublicNetwork(loopback=True), seconds=0.3, max_bytes=1000))
    # A timeout by the wall clock would have expired at the first jump.
    assert time.monotonic() - began >= 0.5


def test_only_the_log_reads_the_wall_clock() -> None:
    """`time.time`, `datetime.now` and the like jump when the clock is set."""
    reads = {
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for folder in ("services/http", "services/classifier", "services/directory")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}
    }
    assert not reads
