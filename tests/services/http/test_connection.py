"""Callers that are slow, stall, or do not read responses do not delay others.

Case 40 of the hostile inputs, and the connections of case 65.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from benchmarks.harness.process import wait_for
from tests.running import Service, StartService
from tests.services.raw_http import (
    connection,
    established,
    head,
    next_response,
    received_until_close,
    require_log_lines,
    responses,
    send_raw,
)

pytestmark = pytest.mark.integration

# More than the service has slots and threads.
MANY = 40
LIMITS = {"head_seconds": 2, "body_seconds": 2, "send_seconds": 2, "idle_seconds": 2}
STALLS = {
    "half-a-head": (408, "request_timeout", b"POST /predict HTTP/1.1\r\nHo"),
    "one-byte": (408, "request_timeout", b"P"),
    "one-byte-of-a-body": (408, "body_timeout", head("POST", content_length="100") + b"x"),
    "no-byte-of-a-body": (408, "body_timeout", head("POST", content_length="100")),
    "half-a-chunk": (408, "body_timeout", head("POST", transfer_encoding="chunked") + b"64\r\nx"),
    "half-a-size": (408, "body_timeout", head("POST", transfer_encoding="chunked") + b"6"),
    "no-end-of-chunks": (408, "body_timeout", head("POST", transfer_encoding="chunked") + b"1\r\nx\r\n"),
}


@pytest.fixture(scope="module")
def impatient(start_service: StartService, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with two slots and time limits of two seconds."""
    return start_service(
        "tests.services.fake_model_service",
        MODEL_NAME="fake",
        FAKE_MODEL=str(tmp_path_factory.mktemp("fake")),
        FAKE_LIMITS=json.dumps(LIMITS),
        GUICHET_CONCURRENCY="2",
    )


def require_responsive(service: Service) -> None:
    """Fail unless the service is live and predicts."""
    assert requests.get(f"{service.url}/live", timeout=5).status_code == 200
    assert requests.post(f"{service.url}/predict", data=b"good", timeout=5).json()[0]["label"] == "good"


@contextlib.contextmanager
def many_connections(service: Service, sent: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connection(service, 20)) for _ in range(MANY)]
        for sock in opened:
            sock.sendall(sent)
        yield opened


def test_stalled_requests_get_408_and_delay_no_other(impatient: Service) -> None:
    with contextlib.ExitStack() as stack:
        opened = {kind: stack.enter_context(many_connections(impatient, sent)) for kind, (_, _, sent) in STALLS.items()}
        require_responsive(impatient)
        # The other requests got their responses first.
        assert select.select(list(itertools.chain(*opened.values())), [], [], 0)[0] == []
        for kind, (status, code, _) in STALLS.items():
            for sock in opened[kind]:
                (response,) = responses(received_until_close(sock)[0])
                assert (response.status, response.code) == (status, code), kind


def test_a_body_of_a_byte_now_and_then_gets_408(impatient: Service) -> None:
    began = time.monotonic()
    with connection(impatient, 0.1) as sock:
        sock.sendall(head("POST", content_length="1000"))
        received = b""
        while not received and time.monotonic() < began + 20:
            sock.sendall(b"x")
            received, _ = received_until_close(sock)
    (response,) = responses(received)
    assert (response.status, response.code) == (408, "body_timeout")


@pytest.mark.parametrize("sent", [b"", head("GET", "/live")], ids=["no-request", "one-request"])
def test_a_connection_that_is_idle_too_long_is_closed_without_a_response(impatient: Service, sent: bytes) -> None:
    received = send_raw(impatient, sent, finish=False, seconds=20)
    assert received.closed
    assert received.statuses == ([200] if sent else [])


def test_callers_that_read_no_responses_delay_no_other(impatient: Service) -> None:
    """They request a large page many times on one connection, and read none of it."""
    with many_connections(impatient, head("GET", "/metrics") * 400):
        for _ in range(10):
            require_responsive(impatient)
    require_responsive(impatient)


def test_idle_connections_are_closed_when_there_are_too_many(start_service: StartService, tmp_path: Path) -> None:
    limits = json.dumps({"connections": 10})
    service = start_service(
        "tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), FAKE_LIMITS=limits
    )
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            sock = stack.enter_context(connection(service))
            # The connection is idle once its response is here; with Flask's threads, a moment later.
            sock.sendall(head("POST", content_length="4") + b"good")
            assert next_response(sock).status == 200
        busy = [stack.enter_context(connection(service)) for _ in range(10)]
        for sock in busy:
            sock.sendall(head("POST", expect="100-continue", content_length="4"))
            assert sock.recv(100).startswith(b"HTTP/1.1 100")
        received = send_raw(service, head("GET", "/live"))
        assert received.statuses == [429]
        assert received.responses[0].code == "overloaded"
        for sock in busy:
            sock.sendall(b"good")
            assert next_response(sock).status == 200
    require_log_lines(service)


def test_a_body_is_refused_when_all_incomplete_bodies_exceed_their_limit(
    start_service: StartService, tmp_path: Path
) -> None:
    limits = json.dumps({"arriving": 1_000_000})
    service = start_service(
        "tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), FAKE_LIMITS=limits
    )
    with connection(service) as first, connection(service) as second:
        for sock in (first, second):
            with contextlib.suppress(ConnectionError):
                sock.sendall(head("POST", content_length="900000") + b"?" * 800_000)
        # The one that the service reads last.
        ((refused,), _, _) = select.select([first, second], [], [], 10)
        (response,) = responses(received_until_close(refused)[0])
        assert (response.status, response.code) == (429, "overloaded")
        accepted = second if refused is first else first
        accepted.sendall(b"?" * 100_000)
        assert next_response(accepted).status == 415
    # The bytes of finished requests no longer count.
    with connection(service) as third:
        third.sendall(head("POST", content_length="900000") + b"?" * 900_000)
        assert next_response(third).status == 415


def test_no_response_is_lost_or_repeated_however_requests_arrive(impatient: Service) -> None:
    """Many connections at once, each with pipelined requests split at random; some are closed after the last one."""

    def caller(seed: int) -> None:
        chance = random.Random(seed)
        asked = [f"n{seed}x{n}" for n in range(12)]
        kinds = itertools.cycle([("GET", b""), ("POST", b"word"), ("PUT", b"4\r\nword\r\n0\r\n\r\n")])
        data = b""
        for name, (method, body) in zip(asked, kinds, strict=False):
            length = {"content_length": str(len(body))} if method == "POST" else {}
            coding = {"transfer_encoding": "chunked"} if method == "PUT" else {}
            data += head(method, f"/{name}", x_request_id=name, **length, **coding) + body
        cuts = sorted(chance.sample(range(len(data)), 6))
        pieces = [data[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(data)])]
        finish = chance.random() < 0.5
        with connection(impatient, 5) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                sock.sendall(piece)
            if finish:
                sock.shutdown(socket.SHUT_WR)
            received = b""
            while received.count(b"HTTP/1.1 404") < len(asked):
                piece = sock.recv(1 << 16)
                assert piece, received
                received += piece
            if finish:
                received += received_until_close(sock)[0]
        found = responses(received)
        assert [response.headers["x-request-id"] for response in found] == asked

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(caller, range(120)))


def test_a_caller_that_does_not_read_its_response_is_disconnected(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(
        "tests.services.fake_model_service",
        MODEL_NAME="fake",
        FAKE_MODEL=str(tmp_path),
        FAKE_LIMITS=json.dumps({"send_seconds": 0.5}),
        GUICHET_MAX_BODY="16777216",
    )
    # The response contains the name, so it does not fit into the buffers of the sockets.
    name = b"n" * 10_000_000
    with connection(service) as sock:
        sock.sendall(head("POST", content_length=str(len(name))) + name)
        wait_for(lambda: not established(service), 10, "the service to disconnect the caller")
        received, closed = received_until_close(sock)
    assert closed
    assert len(received) < len(name)
    assert requests.get(f"{service.url}/live", timeout=5).status_code == 200
