"""What becomes of a connection's bytes, however they are cut and whatever they are."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.web.connection import Bounds
from services.web.receiver import Arrival, Receiver
from services.web.server import Server
from tests.services.test_malformed import MALFORMED, MALFORMED_CHUNKS, TOO_MUCH

MOST = 2000
PEER = ("127.0.0.1", 5)

GOOD = [
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\nGET /after-an-empty-line HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nT: u\r\n\r\n",
    b"POST /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /g HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX: \xe9\r\n\r\n",
]
PARTS = [*GOOD, *MALFORMED.values(), *MALFORMED_CHUNKS.values(), *(message for _, message in TOO_MUCH.values())]


@pytest.fixture(scope="module")
def config() -> Config:
    """gunicorn's settings, as the services have them."""
    with socket.socket() as listener:
        config: Config = Server(lambda: None, listener, 1, Bounds()).cfg  # type: ignore[arg-type, return-value]
    return config


def arrivals(config: Config, pieces: list[bytes]) -> list[Arrival]:
    """What a receiver makes of the pieces, up to the first fault; the end of the bytes is told too."""
    receiver, found = Receiver(config, PEER, MOST), []
    for piece in pieces:
        arrival = receiver.feed(piece)
        while arrival is not None:
            found.append(arrival)
            if arrival.fault:
                return found
            arrival = receiver.feed()
    last = receiver.end()
    return found + ([last] if last else [])


def seen(found: list[Arrival]) -> list[tuple[Any, ...]]:
    return [
        (type(arrival.fault),)
        if arrival.fault
        else (arrival.request.method, arrival.request.path, arrival.request.query, arrival.body)
        for arrival in found
    ]


def gunicorns(config: Config, data: bytes) -> Iterator[tuple[Any, ...]]:
    """The requests that gunicorn's own reader finds, bodies included, up to what it refuses."""
    try:
        for request in RequestParser(config, iter([data]), PEER):
            yield request.method, request.path, request.query, request.body.read()
    except (ParseException, NoMoreData):
        return


messages = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(b"".join)
broken = st.tuples(messages, st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)).map(
    lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + made[3] :]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=broken, cuts=st.lists(st.integers(0, 400), max_size=8))
@example(data=b"".join(GOOD), cuts=list(range(0, 400, 7)))
def test_how_the_bytes_are_cut_changes_nothing(config: Config, data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[begin:end] for begin, end in itertools.pairwise(places)]
    assert seen(arrivals(config, pieces)) == seen(arrivals(config, [data]))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=broken | messages)
@example(data=b"".join(GOOD))
def test_no_request_is_seen_that_gunicorns_own_reader_would_not_see(config: Config, data: bytes) -> None:
    """Two readers that disagree on where a request ends are how requests are smuggled."""
    ours = [request for request in seen(arrivals(config, [data])) if len(request) > 1]
    theirs = list(gunicorns(config, data))
    assert ours == theirs[: len(ours)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=400), max_size=8))
def test_no_bytes_whatever_raise_anything(config: Config, pieces: list[bytes]) -> None:
    for arrival in arrivals(config, pieces):
        assert arrival.fault or arrival.request


def test_a_receiver_never_holds_more_than_its_bounds(config: Config) -> None:
    receiver = Receiver(config, PEER, MOST)
    assert receiver.feed(GOOD[3].partition(b"\r\n\r\n")[0] + b"\r\n\r\n") is None
    largest = 0
    for _ in range(100):
        arrival = receiver.feed(b"1\r\na\r\n" * 50)
        largest = max(largest, receiver.size)
        if arrival:
            break
    assert arrival
    assert arrival.fault
    assert arrival.fault.code == "body_too_large"
    assert largest <= MOST + 400
