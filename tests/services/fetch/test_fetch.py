"""Images by address: who is reached for them, what is waited for, and what is taken.

Cases 1 to 10 and 13 to 19 of the hostile inputs; test_target has the addresses that nobody is asked for at all.
"""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services.classifier.fetch.fetch import MAX_LOOKUPS, Fetcher
from services.classifier.fetch.ip_policy import DENIED
from services.classifier.fetch.transport import Outgoing
from services.classifier.problems import (
    CallerGone,
    FetchEncoding,
    FetchFailed,
    FetchRedirects,
    FetchTimeout,
    FetchTooLarge,
    FetchTruncated,
    FetchType,
    UrlBlocked,
)
from services.web.problems import Problem
from tests.services.fetch.sites import (
    Authority,
    Recorder,
    Script,
    Site,
    drips,
    floods,
    is_silent,
    resets,
    response,
    says,
    site,
)
from tests.services.fetch.test_url import BLOCKED

PUBLIC = "93.184.215.14"
OTHER = "93.184.215.15"
MOST = 10_000
IMAGE = b"\xff\xd8\xff an image"
NAME = "photos.example"
PRIVATE = [*(str(ipaddress.ip_network(row)[1 if "/3" not in row else 0]) for row in DENIED), "::1", "fd20:ce::254"]


def fetched(
    url: str, recorder: Recorder, *, seconds: float = 5, loopback: bool = True, authorities: str | None = None
) -> bytes:
    """The image, by way of the recorder; `loopback` lets its connections arrive at local sites."""
    outgoing = Outgoing(recorder.connect, authorities, loopback)
    fetcher = Fetcher(MOST, seconds, outgoing, recorder.resolve)
    return fetcher.image(url, time.monotonic() + 60, bool)


@contextlib.contextmanager
def stranger(script: Script, **options: Any) -> Iterator[tuple[Site, Recorder]]:
    """A site that has the name NAME and the address PUBLIC."""
    with site(script, **options) as served:
        yield served, Recorder({NAME: [[PUBLIC]]}, {PUBLIC: served.port})


def require_timeout(script: Script, **options: Any) -> None:
    """The fetch ends with its budget of half a second, not later than half a second after."""
    with stranger(script, **options) as (_, recorder):
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetched(f"{'https' if options else 'http'}://{NAME}/", recorder, seconds=0.5)
        assert 0.45 <= time.monotonic() - began < 1


def test_an_image_comes_from_the_address_that_was_checked() -> None:
    with stranger(says(response(IMAGE))) as (served, recorder):
        assert fetched(f"http://{NAME}/a.jpg?b=c#d", recorder) == IMAGE
    assert recorder.lookups == [NAME]
    assert recorder.connections == [(PUBLIC, 80)]
    (head,) = served.requests
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /a.jpg?b=c HTTP/1.1"
    assert f"Host: {NAME}" in lines
    assert "Accept-Encoding: identity" in lines
    assert not [line for line in lines if line.lower().startswith(("authorization", "cookie", "referer", "via"))]


@pytest.mark.parametrize("url", [url for url in BLOCKED.values() if url.isascii() and "%" not in url])
def test_nobody_is_asked_for_a_blocked_address(url: str) -> None:
    recorder = Recorder()
    with pytest.raises(UrlBlocked):
        fetched(url, recorder, loopback=False)
    assert not recorder.lookups
    assert not recorder.connections


@pytest.mark.parametrize("address", [*PRIVATE, "127.0.0.1", "fe80::1%eth0"])
def test_a_name_that_leads_to_a_private_address_is_blocked(address: str) -> None:
    recorder = Recorder({NAME: [[address]]})
    with pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder, loopback=False)
    assert recorder.lookups == [NAME]
    assert not recorder.connections


@pytest.mark.parametrize(
    "answers",
    [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], ["fd00::1", PUBLIC], [PUBLIC, "::ffff:10.0.0.1"]],
    ids=["private-last", "private-first", "private-ipv6", "mapped"],
)
def test_one_private_answer_of_a_name_is_enough(answers: list[str]) -> None:
    recorder = Recorder({NAME: [answers]})
    with pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder)
    assert not recorder.connections


def test_a_name_is_asked_for_once_and_its_first_answer_holds() -> None:
    with stranger(says(response(IMAGE))) as (_, recorder):
        recorder.names[NAME] = [[PUBLIC], ["169.254.169.254"]]
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
    assert recorder.lookups == [NAME]
    assert recorder.connections == [(PUBLIC, 80)]


def test_the_peer_of_a_connection_is_checked_before_a_byte_is_sent() -> None:
    """As if all else had failed: the connection of a public address arrives at this machine."""
    with stranger(says(response(IMAGE))) as (served, recorder), pytest.raises(UrlBlocked):
        fetched(f"http://{NAME}/", recorder, loopback=False)
    assert recorder.connections == [(PUBLIC, 80)]
    assert b"".join(served.requests) == b""


def test_another_address_of_the_name_is_tried_where_the_first_is_dead() -> None:
    with stranger(says(response(IMAGE))) as (_, recorder), socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        recorder.names[NAME] = [[OTHER, PUBLIC]]
        recorder.ports[OTHER] = closed.getsockname()[1]
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
    assert recorder.connections == [(OTHER, 80), (PUBLIC, 80)]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Again", "308 For ever"])
@pytest.mark.parametrize(
    "location",
    [
        *("http://169.254.169.254/", "//169.254.169.254/", "http://metadata.google.internal/", "http://2852039166/"),
        *("http://[::ffff:a9fe:a9fe]/", "http://[fec0::1]/", "http://10.0.0.1/", "https://100.64.0.1/"),
    ],
)
def test_a_redirect_to_a_private_address_is_blocked(status: str, location: str) -> None:
    with stranger(says(response(status=status, location=location))) as (_, recorder):
        with pytest.raises(UrlBlocked):
            fetched(f"http://{NAME}/", recorder)
        assert len(recorder.connections) == 1


def test_every_hop_is_checked_as_the_first() -> None:
    with stranger(hops) as (served, recorder):
        recorder.names["private.example"] = [["10.0.0.1"]]
        with pytest.raises(UrlBlocked):
            fetched(f"http://{NAME}/2?then=http://private.example/", recorder)
        assert len(served.requests) == 3
    assert recorder.lookups == [NAME, NAME, NAME, "private.example"]


def hops(sock: socket.socket, head: bytes, _stop: threading.Event) -> None:
    """`/N?then=ADDRESS` redirects N times, then to the address, or answers where there is none."""
    _, target, _ = head.decode().split(" ", 2)
    path, _, then = target.partition("?then=")
    left = int(path.strip("/"))
    following = f"/{left - 1}?then={then}" if left else then
    answer = response(status="302 Found", location=following, set_cookie="a=b") if following else response(IMAGE)
    sock.sendall(answer)


def test_three_redirects_are_followed_with_nothing_carried_over() -> None:
    with stranger(hops) as (served, recorder):
        assert fetched(f"http://{NAME}/3?then=", recorder) == IMAGE
    assert len(served.requests) == 4
    assert not [head for head in served.requests if b"ookie" in head or b"eferer" in head or b"uthorization" in head]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(response(status="302 Found", location="/")), id="loop"),
        pytest.param(says(response(status="302 Found")), id="nowhere"),
        pytest.param(says(response(status="302 Found", location="file:///etc/passwd")), id="file"),
        pytest.param(says(response(status="302 Found", location="ftp://example.com/")), id="ftp"),
        pytest.param(says(response(status="302 Found", location="data:image/png;base64,AA")), id="data"),
        pytest.param(says(response(status="302 Found", location="gopher://example.com/")), id="gopher"),
        pytest.param(says(response(status="302 Found", location=f"http://a:b@{NAME}/")), id="credentials"),
        pytest.param(says(response(status="302 Found", location=f"http://{NAME}:99999/")), id="port"),
        pytest.param(says(response(status="302 Found", location="http://[")), id="bracket"),
        pytest.param(says(response(status="302 Found", location="/\xe9\x85")), id="bytes"),
    ],
)
def test_redirects_that_lead_nowhere_end_the_fetch(script: Script) -> None:
    with stranger(script) as (served, recorder):
        with pytest.raises((FetchRedirects, FetchType)):
            fetched(f"http://{NAME}/", recorder)
        assert len(served.requests) <= 4


def test_a_fourth_redirect_is_not_followed() -> None:
    with stranger(hops) as (served, recorder):
        with pytest.raises(FetchRedirects):
            fetched(f"http://{NAME}/4?then=", recorder)
        assert len(served.requests) == 4


def test_the_body_of_a_redirect_is_never_read() -> None:
    """It would be 64 MiB of zeros, in 65 kB; or has no end at all."""
    bomb = gzip.compress(bytes(1 << 26), 9, mtime=0)
    for first in (
        response(bomb, "302 Found", location="/image", content_encoding="gzip"),
        response(b"", "302 Found", location="/image", content_length=""),
    ):
        with stranger(lambda sock, head, stop, first=first: redirect_then_image(sock, head, stop, first)) as (_, rec):
            began = time.monotonic()
            assert fetched(f"http://{NAME}/", rec) == IMAGE
            assert time.monotonic() - began < 1


def redirect_then_image(sock: socket.socket, head: bytes, stop: threading.Event, first: bytes) -> None:
    if head.startswith(b"GET /image "):
        sock.sendall(response(IMAGE))
    else:
        floods(first, b"0" * 1000)(sock, head, stop)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(drips(response(b"", content_length="1000"), b"x", 0.03), id="slow-body"),
        pytest.param(drips(response(b"", content_length=""), b"x", 0.03), id="slow-body-without-length"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.03), id="slow-headers"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nA: ", b"b", 0.03), id="one-endless-header"),
        pytest.param(drips(b"", b"H", 0.03), id="endless-status-line"),
        pytest.param(is_silent, id="silence"),
        pytest.param(
            drips(response(b"", transfer_encoding="chunked", content_length=""), b"1\r\nx\r\n", 0.03), id="chunks"
        ),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.03), id="go-on-and-on"),
    ],
)
def test_a_slow_server_is_waited_for_no_longer_than_all_of_it_may_take(script: Script) -> None:
    require_timeout(script)


def test_a_server_that_never_ends_its_greeting_is_not_waited_for_either(tmp_path: Path) -> None:
    """TLS: the connection is accepted, and then there is silence."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recorder = Recorder({NAME: [[PUBLIC]]}, {PUBLIC: listener.getsockname()[1]})
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetched(f"https://{NAME}/", recorder, seconds=0.5)
        assert time.monotonic() - began < 1


def test_a_slow_server_is_not_waited_for_over_tls_either(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    script = drips(response(b"", content_length="1000"), b"x", 0.03)
    with stranger(script, tls=authority.context(NAME)) as (_, recorder):
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetched(f"https://{NAME}/", recorder, seconds=0.5, authorities=authority.file)
        assert time.monotonic() - began < 1


def test_a_connection_that_is_never_made_is_not_waited_for() -> None:
    """A listener whose queue is full answers no more, like a host that is not there."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        recorder = Recorder({NAME: [[PUBLIC]]}, {PUBLIC: listener.getsockname()[1]})
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetched(f"http://{NAME}/", recorder, seconds=0.5)
        assert time.monotonic() - began < 1


def test_a_resolver_that_hangs_is_left_behind_and_bound() -> None:
    release, asked = threading.Event(), []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        release.wait(30)
        return [PUBLIC]

    fetcher = Fetcher(MOST, 0.5, Outgoing(), resolve)

    def fetch(_: int) -> float:
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetcher.image(f"http://{NAME}/", began + 60, bool)
        return time.monotonic() - began

    try:
        with ThreadPoolExecutor(12) as pool:
            assert max(pool.map(fetch, range(12))) < 1
        assert len(asked) == MAX_LOOKUPS
    finally:
        release.set()


def test_the_deadline_of_the_request_counts_where_it_is_sooner() -> None:
    with stranger(is_silent) as (_, recorder):
        fetcher = Fetcher(MOST, 60, Outgoing(recorder.connect, loopback=True), recorder.resolve)
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetcher.image(f"http://{NAME}/", began + 0.3, bool)
        assert time.monotonic() - began < 1


def test_nothing_is_waited_for_once_the_caller_has_gone() -> None:
    with stranger(is_silent) as (_, recorder):
        fetcher = Fetcher(MOST, 60, Outgoing(recorder.connect, loopback=True), recorder.resolve)
        began = time.monotonic()
        with pytest.raises(CallerGone):
            fetcher.image(f"http://{NAME}/", began + 60, lambda: time.monotonic() > began + 0.2)
        assert time.monotonic() - began < 2


CHUNKED = response(transfer_encoding="chunked", content_length="")
FLOODS = {
    "announced": (FetchTooLarge, says(response(b"", content_length=str(MOST + 1)))),
    "no-length": (FetchTooLarge, floods(response(content_length=""), b"x" * 1000)),
    "chunks": (FetchTooLarge, floods(CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n")),
    "one-chunk": (FetchTooLarge, floods(CHUNKED + b"fffffffff\r\n", b"x" * 1000)),
    "tiny-chunks": (FetchTooLarge, floods(CHUNKED, b"1\r\nx\r\n")),
    "endless-size": (FetchTooLarge, floods(CHUNKED, b"0")),
    "extensions": (FetchTooLarge, floods(CHUNKED, b"1;" + b"a" * 5000 + b"\r\nx\r\n")),
    "trailers": (FetchTooLarge, floods(CHUNKED + b"0\r\n", b"A: b\r\n")),
    "headers": (FetchFailed, floods(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")),
    "one-header": (FetchTooLarge, floods(b"HTTP/1.1 200 OK\r\nA: ", b"b")),
    "status-line": (FetchTooLarge, floods(b"HTTP/1.1 200 ", b"b")),
    "go-on-and-on": (FetchTooLarge, floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
}


@pytest.mark.parametrize(("problem", "script"), FLOODS.values(), ids=FLOODS)
def test_a_flood_is_cut_off_at_little_cost(problem: type[Problem], script: Script) -> None:
    with stranger(script) as (_, recorder):
        worked = time.thread_time()
        with pytest.raises((problem, FetchFailed, FetchTruncated)) as raised:
            fetched(f"http://{NAME}/", recorder, seconds=20)
        assert time.thread_time() - worked < 0.5
        if "larger" in raised.value.detail:
            assert raised.value.detail == "The image at the address is larger than 10,000 bytes."


def test_many_cheap_lines_are_cut_off_too_where_much_is_allowed() -> None:
    with stranger(floods(CHUNKED, b"1\r\nx\r\n")) as (_, recorder):
        fetcher = Fetcher(100 << 20, 20, Outgoing(recorder.connect, loopback=True), recorder.resolve)
        worked = time.thread_time()
        with pytest.raises((FetchFailed, FetchTruncated)):
            fetcher.image(f"http://{NAME}/", time.monotonic() + 60, bool)
        assert time.thread_time() - worked < 1


def test_the_bound_of_the_size_is_exact() -> None:
    for size, script in [(MOST, says(response(b"x" * MOST))), (MOST, says(CHUNKED + chunk(b"x" * MOST)))]:
        with stranger(script) as (_, recorder):
            assert len(fetched(f"http://{NAME}/", recorder)) == size
    with stranger(says(CHUNKED + chunk(b"x" * (MOST + 1)))) as (_, recorder), pytest.raises(FetchTooLarge):
        fetched(f"http://{NAME}/", recorder)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def test_a_length_that_lies_short_is_all_that_is_read() -> None:
    with stranger(floods(response(b"", content_length="5"), b"x")) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == b"xxxxx"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "GZIP", "x"])
def test_compressed_content_is_refused_unread(coding: str) -> None:
    flood = floods(response(b"", content_encoding=coding, content_length=""), b"0")
    with stranger(flood) as (_, recorder), pytest.raises(FetchEncoding):
        fetched(f"http://{NAME}/", recorder)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(response(b"x" * 500, content_length="1000")), id="closed"),
        pytest.param(resets(response(b"x" * 500, content_length="1000")), id="reset"),
        pytest.param(says(CHUNKED + b"3e8\r\n" + b"x" * 500), id="closed-in-a-chunk"),
        pytest.param(says(CHUNKED + b"5\r\nhello\r\n"), id="no-last-chunk"),
        pytest.param(says(CHUNKED + b"5\r\nhello\r\nZZ\r\n"), id="not-a-chunk"),
    ],
)
def test_an_image_that_breaks_off_is_never_taken(script: Script) -> None:
    with stranger(script) as (_, recorder), pytest.raises(FetchTruncated):
        fetched(f"http://{NAME}/", recorder)


@pytest.mark.parametrize(
    "status",
    [
        "201 Created",
        "204 No",
        "206 Part",
        "300 Many",
        "304 Same",
        "401 Who",
        "403 No",
        "404 No",
        "418 T",
        "500 Oh",
        "999 ?",
    ],
)
def test_what_is_not_ok_is_no_image_even_with_one_in_it(status: str) -> None:
    with stranger(says(response(IMAGE, status))) as (_, recorder), pytest.raises(FetchType) as raised:
        fetched(f"http://{NAME}/", recorder)
    assert raised.value.detail == "The address does not answer with an image."


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(), id="closed"),
        pytest.param(resets(), id="reset"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n"), id="another-protocol"),
        pytest.param(says(b"HTTP/1.1 2000 OK\r\n\r\n"), id="status-of-four-digits"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), id="two-lengths"),
        pytest.param(says(b"\x00" * 1000), id="zeros"),
    ],
)
def test_refused_closed_and_not_understood_are_told_alike(script: Script) -> None:
    with stranger(script) as (_, recorder), pytest.raises(FetchFailed) as raised:
        fetched(f"http://{NAME}/", recorder)
    assert raised.value.detail == unreachable()


def unreachable() -> str:
    """What is said of an address where nothing listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        recorder = Recorder({NAME: [[PUBLIC]]}, {PUBLIC: closed.getsockname()[1]})
        with pytest.raises(FetchFailed) as raised:
            fetched(f"http://{NAME}/", recorder)
    return raised.value.detail


def test_a_name_that_is_not_there_is_told_in_the_same_words() -> None:
    with pytest.raises(FetchFailed) as raised:
        fetched("http://absent.example/", Recorder())
    assert raised.value.detail == unreachable()


def test_tls_is_checked_against_the_name_though_the_address_is_pinned(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with stranger(says(response(IMAGE)), tls=authority.context(NAME)) as (served, recorder):
        assert fetched(f"https://{NAME}/", recorder, authorities=authority.file) == IMAGE
        assert recorder.connections == [(PUBLIC, 443)]
        assert f"Host: {NAME}\r\n".encode() in served.requests[0]


@pytest.mark.parametrize("host", ["other.example", PUBLIC], ids=["another-name", "the-address"])
def test_a_certificate_for_anything_but_the_name_is_refused(tmp_path: Path, host: str) -> None:
    authority = Authority.new(tmp_path)
    with stranger(says(response(IMAGE)), tls=authority.context(host)) as (served, recorder):
        with pytest.raises(FetchFailed):
            fetched(f"https://{NAME}/", recorder, authorities=authority.file)
        assert b"".join(served.requests) == b""


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with stranger(says(response(IMAGE)), tls=authority.context(NAME)) as (served, recorder):
        with pytest.raises(FetchFailed):
            fetched(f"https://{NAME}/", recorder)
        assert b"".join(served.requests) == b""


def test_an_address_in_place_of_a_name_needs_a_certificate_for_it(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with stranger(says(response(IMAGE)), tls=authority.context(PUBLIC)) as (_, recorder):
        assert fetched(f"https://{PUBLIC}/", recorder, authorities=authority.file) == IMAGE
        assert not recorder.lookups


def test_https_does_not_redirect_to_http(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    script = says(response(status="302 Found", location=f"http://{NAME}/"))
    with stranger(script, tls=authority.context(NAME)) as (_, recorder), pytest.raises(FetchRedirects):
        fetched(f"https://{NAME}/", recorder, authorities=authority.file)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"])
def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / ".netrc").write_text(f"machine {NAME} login a password b\n")
    with site(is_silent) as proxy, stranger(says(response(IMAGE))) as (served, recorder):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv(name, proxy.url)
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
        assert not proxy.requests
    assert b"uthorization" not in served.requests[0]
