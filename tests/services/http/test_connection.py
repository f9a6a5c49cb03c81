"""Callers who are slow, stop in the middle, or take no answer: they cost a connection, and nobody else anything.

Case 40 of the hostile inputs, and the connections of case 65.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.running import Service, StartService
from tests.services.raw_http import connection, head, received_until_close, replies, require_log_lines, talk

pytestmark = pytest.mark.integration

# One place and one thread to spare would be enough to see: nobody here may hold either.
MANY = 40
BOUNDS = {"head_seconds": 1, "body_seconds": 1, "send_seconds": 1, "idle_seconds": 2}
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
    """A service with two places that waits a second for everything."""
    return start_service(
        "tests.services.fake_model_service",
        MODEL_NAME="fake",
        FAKE_MODEL=str(tmp_path_factory.mktemp("fake")),
        FAKE_LIMITS=json.dumps(BOUNDS),
        GUICHET_CONCURRENCY="2",
    )


def require_at_ease(service: Service, until: float) -> None:
    """Fail if, before `until`, the service is not live or does not predict."""
    while time.monotonic() < until:
        assert requests.get(f"{service.url}/live", timeout=5).status_code == 200
        assert requests.post(f"{service.url}/predict", data=b"good", timeout=5).json()[0]["label"] == "good"


@contextlib.contextmanager
def many_connections(service: Service, sent: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connection(service, 5)) for _ in range(MANY)]
        for sock in opened:
            sock.sendall(sent)
        yield opened


@pytest.mark.parametrize(("status", "code", "sent"), STALLS.values(), ids=STALLS)
def test_a_stalled_request_gets_408_and_delays_no_other(
    impatient: Service, status: int, code: str, sent: bytes
) -> None:
    began = time.monotonic()
    with many_connections(impatient, sent) as opened:
        require_at_ease(impatient, began + 0.7)
        for sock in opened:
            (reply,) = replies(received_until_close(sock)[0])
            assert (reply.status, reply.code) == (status, code)
    assert 1 <= time.monotonic() - began < 3


def test_a_body_of_a_byte_now_and_then_gets_408(impatient: Service) -> None:
    began = time.monotonic()
    with connection(impatient, 0.1) as sock:
        sock.sendall(head("POST", content_length="1000"))
        received = b""
        while not received and time.monotonic() < began + 5:
            sock.sendall(b"x")
            received, _ = received_until_close(sock)
    (reply,) = replies(received)
    assert (reply.status, reply.code) == (408, "body_timeout")
    assert 0.9 <= time.monotonic() - began < 2.5


@pytest.mark.parametrize("sent", [b"", head("GET", "/live")], ids=["never-asked", "asked-once"])
def test_a_connection_that_is_idle_too_long_is_closed_without_a_response(impatient: Service, sent: bytes) -> None:
    answer = talk(impatient, sent, finish=False, seconds=5)
    assert answer.closed
    assert answer.statuses == ([200] if sent else [])


def test_callers_that_read_no_responses_delay_no_other(impatient: Service) -> None:
    """They ask for a large page, many times on one connection, and read none of it."""
    began = time.monotonic()
    with many_connections(impatient, head("GET", "/metrics") * 400) as opened:
        require_at_ease(impatient, began + 1.5)
        del opened
    require_at_ease(impatient, time.monotonic() + 0.1)


def test_idle_connections_are_closed_when_there_are_too_many(start_service: StartService, tmp_path: Path) -> None:
    bounds = json.dumps({"connections": 10})
    service = start_service(
        "tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), FAKE_LIMITS=bounds
    )
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            sock = stack.enter_context(connection(service))
            sock.sendall(head("GET", "/live"))
            assert replies(sock.recv(4096))[0].status == 200
        busy = [stack.enter_context(connection(service)) for _ in range(10)]
        for sock in busy:
            sock.sendall(head("POST", expect="100-continue", content_length="4"))
            assert sock.recv(100).startswith(b"HTTP/1.1 100")
        answer = talk(service, head("GET", "/live"))
        assert answer.statuses == [429]
        assert answer.replies[0].code == "overloaded"
        for sock in busy:
            sock.sendall(b"good")
            assert replies(sock.recv(4096))[0].status == 200
    require_log_lines(service)


def test_a_body_is_refused_when_all_incomplete_bodies_exceed_their_limit(
    start_service: StartService, tmp_path: Path
) -> None:
    bounds = json.dumps({"arriving": 1_000_000})
    service = start_service(
        "tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), FAKE_LIMITS=bounds
    )
    with connection(service) as first, connection(service) as second:
        first.sendall(head("POST", content_length="900000") + b"?" * 800_000)
        second.sendall(head("POST", content_length="900000"))
        with contextlib.suppress(ConnectionError):
            second.sendall(b"?" * 899_999)
        (reply,) = replies(received_until_close(second)[0])
        assert (reply.status, reply.code) == (429, "overloaded")
        first.sendall(b"?" * 100_000)
        assert replies(first.recv(4096))[0].status == 415
    # What was fake is given back.
    with connection(service) as third:
        third.sendall(head("POST", content_length="900000") + b"?" * 900_000)
        assert replies(third.recv(4096))[0].status == 415


def test_no_response_is_lost_or_repeated_however_requests_arrive(impatient: Service) -> None:
    """Many connections at once, each with a train of requests cut at random, some closed behind the last one."""

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
        found = replies(received)
        assert [reply.headers["x-request-id"] for reply in found] == asked

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(caller, range(120)))
