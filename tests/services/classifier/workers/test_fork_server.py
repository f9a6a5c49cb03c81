"""The fork server: what it forks ends with it, and its end is noticed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from services.artifact import ArtifactError, Receipt
from services.classifier.problems import ImageCorrupt, NotReady
from services.classifier.workers.fork_server import ForkServer
from tests.services.classifier.workers.opened_pool import FIVE, OpenedPool, detail, opened_pool

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's memory files"),
    # The test runner has threads of its own; the service has none when it forks.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


def test_workers_end_with_the_fork_server(folder: Path, receipt: Receipt) -> None:
    with opened_pool(folder, receipt, lambda: None) as pool:
        worker = psutil.Process(int(detail(pool, "process id")))
        pool.cancel(b"deaf", 0.05)
        worker = psutil.Process(int(detail(pool, "process id")))
        worker.parent().kill()  # type: ignore[union-attr]  # the fork server
        wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 20, "the worker's end")


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
        wait_for(lambda: len(fork_server.children()) == 2, 20, "the processes")
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
