"""How a service stops: on SIGTERM it responds to what it has accepted; when killed, it leaves no process behind.

Cases 52 and 53 of the hostile inputs.
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest
import requests

from benchmarks.harness.process import wait_for
from tests.running import Service, StartService
from tests.services.fake_model import FakeService, StartFake
from tests.services.raw_http import (
    connection,
    established,
    head,
    next_response,
    received_until_close,
    require_log_lines,
    responses,
)

pytestmark = pytest.mark.integration

STOPPED = 9


def post(service: Service, words: str) -> requests.Response:
    return requests.post(f"{service.url}/predict", data=words, timeout=20)


def require_end(fake: FakeService, since: float) -> None:
    """Fail unless the service ends with 0, in time, and refuses connections."""
    assert fake.service.process.wait(STOPPED) == 0
    assert time.monotonic() - since < STOPPED
    with pytest.raises(ConnectionRefusedError), connection(fake.service):
        pass
    assert not [line for line in require_log_lines(fake.service) if line["severity"] in ("ERROR", "CRITICAL")]


def test_a_stopping_service_responds_to_all_accepted_requests(start_fake: StartFake) -> None:
    """Requests in workers, in the queue, and half sent; an idle connection is closed."""
    fake = start_fake(GUICHET_CONCURRENCY="12", GUICHET_PROCESSES="2")
    with ThreadPoolExecutor(10) as pool, connection(fake.service) as half, connection(fake.service) as idle:
        idle.sendall(head("GET", "/live"))
        assert next_response(idle).status == 200
        half.sendall(head("POST", expect="100-continue", content_length="4"))
        assert half.recv(100).startswith(b"HTTP/1.1 100")
        sent = [pool.submit(post, fake.service, f"n{number} sleep 0.2") for number in range(10)]
        fake.wait_until_predicting("n0")
        wait_for(lambda: len(established(fake.service)) >= 12, 5, "all callers to be connected")
        began = time.monotonic()
        fake.service.process.terminate()
        wait_for(lambda: refuses_connections(fake.service), 5, "the service to listen no more")
        half.sendall(b"half")
        assert [each.result().status_code for each in sent] == [200] * 10
        (response,) = responses(received_until_close(half)[0])
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert received_until_close(idle) == (b"", True)
        require_end(fake, began)


def refuses_connections(service: Service) -> bool:
    try:
        connection(service, 0.2).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_stopping_service_refuses_requests_that_take_too_long(start_fake: StartFake) -> None:
    fake = start_fake(GUICHET_CONCURRENCY="4", GUICHET_PROCESSES="1")
    with ThreadPoolExecutor(4) as pool:
        sent: list[Future[requests.Response]] = [pool.submit(post, fake.service, f"n{n} hold") for n in range(4)]
        wait_for(lambda: len(established(fake.service)) == 4, 20, "all callers to be connected")
        began = time.monotonic()
        fake.service.process.terminate()
        refused = [each.result() for each in sent]
        assert [(response.status_code, response.json()["code"]) for response in refused] == [(503, "stopping")] * 4
        assert {response.headers["Retry-After"] for response in refused} == {"1"}
        require_end(fake, began)
    assert len(fake.predicted()) == 1


def test_a_stopping_service_stops_listening_first_and_leaves_no_process_behind(start_service: StartService) -> None:
    service = start_service(MODEL_NAME="efficientnet-lite0")
    family = psutil.Process(service.process.pid).children(recursive=True)
    with connection(service) as half:
        half.sendall(head("POST", expect="100-continue", content_length="4"))
        assert half.recv(100).startswith(b"HTTP/1.1 100")
        service.process.terminate()
        wait_for(lambda: refuses_connections(service), 5, "the service to listen no more")
        half.sendall(b"half")
        assert responses(received_until_close(half)[0])[0].status == 415
    assert service.process.wait(STOPPED) == 0
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, [process.cmdline() for process in alive]
    assert len(gone) == len(family)
    assert not [line for line in require_log_lines(service) if line["severity"] in ("ERROR", "CRITICAL")]


def test_the_workers_of_a_killed_service_exit_too(start_service: StartService) -> None:
    service = start_service(MODEL_NAME="efficientnet-lite0")
    family = psutil.Process(service.process.pid).children(recursive=True)
    service.process.kill()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, [process.cmdline() for process in alive]
    assert len(gone) == len(family)


def test_an_interrupt_stops_the_service_too(start_fake: StartFake) -> None:
    fake = start_fake()
    fake.service.process.send_signal(signal.SIGINT)
    assert fake.service.process.wait(STOPPED) == 0
