"""Which responses are taken as images, and within which limits: cases 13 to 15 and 17 to 19 of the hostile inputs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from services.classifier.fetch.fetch import fetch_image
from services.classifier.media_types import MEDIA_TYPES
from services.classifier.problems import (
    FetchEncoding,
    FetchFailed,
    FetchTimeout,
    FetchTooLarge,
    FetchTruncated,
    FetchType,
)
from services.problems import Problem
from tests.services.classifier.fetch.authority import Authority
from tests.services.classifier.fetch.fetching import IMAGE, MAX_BYTES, NAME, PUBLIC, Recorder, fetched, public_site
from tests.services.classifier.fetch.sites import Script, drips, floods, is_silent, resets, response, says, site

pytestmark = pytest.mark.integration

CHUNKED = response(transfer_encoding="chunked", content_length="")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_the_request_has_exactly_these_headers() -> None:
    with public_site(says(response(IMAGE))) as (served, recorder):
        network = recorder.network()
        asyncio.run(
            fetch_image(
                f"http://{NAME}/a.jpg?b=c#d", network, seconds=5, max_bytes=MAX_BYTES, user_agent="classifier/1.0"
            )
        )
    (head,) = served.requests
    assert head.decode().split("\r\n") == [
        "GET /a.jpg?b=c HTTP/1.1",
        f"Host: {NAME}",
        "User-Agent: classifier/1.0",
        f"Accept: {','.join(MEDIA_TYPES)},image/*;q=0.1",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"])
def test_proxies_and_passwords_from_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".netrc").write_text(f"machine {NAME} login a password b\n")
    with site(is_silent) as proxy, public_site(says(response(IMAGE))) as (served, recorder):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv(name, proxy.url)
        assert fetched(f"http://{NAME}/", recorder) == IMAGE
        assert not proxy.requests
    assert b"uthorization" not in served.requests[0]


SLOW = {
    "body": drips(response(b"", content_length="1000"), b"x", 0.03),
    "body-without-length": drips(response(b"", content_length=""), b"x", 0.03),
    "headers": drips(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.03),
    "one-endless-header": drips(b"HTTP/1.1 200 OK\r\nA: ", b"b", 0.03),
    "endless-status-line": drips(b"", b"H", 0.03),
    "silence": is_silent,
    "chunks": drips(CHUNKED, b"1\r\nx\r\n", 0.03),
    "continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.03),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_a_slow_server_times_out(script: Script) -> None:
    with public_site(script) as (_, recorder), pytest.raises(FetchTimeout):
        fetched(f"http://{NAME}/", recorder, seconds=0.5)


def test_a_slow_server_times_out_over_tls(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    with public_site(SLOW["body"], tls=authority.context(NAME)) as (_, recorder), pytest.raises(FetchTimeout):
        fetched(f"https://{NAME}/", recorder, seconds=0.5, authorities=authority.file)


FLOODS = {
    "announced": (FetchTooLarge, says(response(b"", content_length=str(MAX_BYTES + 1)))),
    "no-length": (FetchTooLarge, floods(response(content_length=""), b"x" * 1000)),
    "chunks": (FetchTooLarge, floods(CHUNKED, chunk(b"x" * 1000))),
    "one-chunk": (FetchTooLarge, floods(CHUNKED + b"fffffffff\r\n", b"x" * 1000)),
    "tiny-chunks": (FetchFailed, floods(CHUNKED, b"1\r\nx\r\n")),
    "endless-chunk-size": (FetchTooLarge, floods(CHUNKED, b"0")),
    "chunk-extensions": (FetchTooLarge, floods(CHUNKED, b"1;" + b"a" * 5000 + b"\r\nx\r\n")),
    "trailers": (FetchTooLarge, floods(CHUNKED + b"0\r\n", b"A: b\r\n")),
    "headers": (FetchFailed, floods(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")),
    "one-header": (FetchFailed, floods(b"HTTP/1.1 200 OK\r\nA: ", b"b")),
    "status-line": (FetchFailed, floods(b"HTTP/1.1 200 ", b"b")),
    "continue": (FetchFailed, floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
}


@pytest.mark.parametrize(("problem", "script"), FLOODS.values(), ids=FLOODS)
def test_a_flood_costs_little_cpu_time(problem: type[Problem], script: Script) -> None:
    # A flood of small pieces is as cheap if many bytes are allowed.
    for max_bytes in (MAX_BYTES, 100 << 20) if problem is FetchFailed else (MAX_BYTES,):
        with public_site(script) as (_, recorder):
            worked = time.thread_time()
            with pytest.raises(problem):
                fetched(f"http://{NAME}/", recorder, seconds=20, max_bytes=max_bytes)
            assert time.thread_time() - worked < 0.5


def test_the_size_limit_is_exact() -> None:
    for script in (says(response(b"x" * MAX_BYTES)), says(CHUNKED, chunk(b"x" * MAX_BYTES), b"0\r\n\r\n")):
        with public_site(script) as (_, recorder):
            assert len(fetched(f"http://{NAME}/", recorder)) == MAX_BYTES
    script = says(CHUNKED, chunk(b"x" * (MAX_BYTES + 1)), b"0\r\n\r\n")
    with public_site(script) as (_, recorder), pytest.raises(FetchTooLarge) as raised:
        fetched(f"http://{NAME}/", recorder)
    assert "10,000 bytes" in raised.value.detail


def test_chunks_of_a_few_hundred_bytes_are_read() -> None:
    size = 2 << 20
    with public_site(says(CHUNKED, chunk(b"x" * 512) * (size // 512), b"0\r\n\r\n")) as (_, recorder):
        assert len(fetched(f"http://{NAME}/", recorder, max_bytes=size)) == size


def test_no_more_is_read_than_the_announced_length() -> None:
    with public_site(floods(response(b"", content_length="5"), b"x")) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == b"xxxxx"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "GZIP", "x-gzip"])
def test_compressed_content_is_refused_unread(coding: str) -> None:
    flood = floods(response(b"", content_encoding=coding, content_length=""), b"0")
    with public_site(flood) as (_, recorder), pytest.raises(FetchEncoding):
        fetched(f"http://{NAME}/", recorder)


@pytest.mark.parametrize(
    "coding",
    [" ", "identity", "none", "aws-chunked", "UTF-8", "windows-1252", "identity, none", "base64", "image/jpeg"],
)
def test_a_content_encoding_that_is_no_compression_is_ignored(coding: str) -> None:
    with public_site(says(response(IMAGE, content_encoding=coding))) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == IMAGE


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
def test_an_incomplete_image_is_never_accepted(script: Script) -> None:
    with public_site(script) as (_, recorder), pytest.raises(FetchTruncated):
        fetched(f"http://{NAME}/", recorder)


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 401, 403, 404, 418, 500, 999])
def test_a_status_other_than_200_is_named_and_its_body_ignored(status: int) -> None:
    with public_site(says(response(IMAGE, f"{status} reason"))) as (_, recorder), pytest.raises(FetchType) as raised:
        fetched(f"http://{NAME}/", recorder)
    assert str(status) in raised.value.detail
    assert "reason" not in raised.value.detail


@pytest.mark.parametrize(
    ("body", "content_type", "word"),
    [
        pytest.param(b"", "image/jpeg", "empty", id="empty"),
        pytest.param(b"<!DOCTYPE html><title>Sign in</title>", "image/png", "HTML", id="html-as-image"),
        pytest.param(b"\xef\xbb\xbf\r\n <html>", "", "HTML", id="html-after-white-space"),
        pytest.param(b"<p>Sign in</p>", "text/HTML; charset=utf-8", "HTML", id="html-by-type"),
    ],
)
def test_an_empty_body_and_an_html_page_are_named(body: bytes, content_type: str, word: str) -> None:
    script = says(response(body, content_type=content_type))
    with public_site(script) as (_, recorder), pytest.raises(FetchType) as raised:
        fetched(f"http://{NAME}/", recorder)
    assert word in raised.value.detail


def test_the_content_type_of_an_image_is_ignored() -> None:
    with public_site(says(response(IMAGE, content_type="text/html"))) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == IMAGE


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 3, id="continue"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n", id="early-hints"),
    ],
)
def test_informational_responses_come_before_the_real_one(head: bytes) -> None:
    with public_site(says(head, response(IMAGE))) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == IMAGE


def test_two_hundred_header_lines_are_read() -> None:
    lines = {f"x-{number}": "a value of middling length, as these have" for number in range(200)}
    # A body of line ends is not counted as header lines.
    image = b"BM" + b"\n" * 5000
    with public_site(says(response(image, **lines))) as (_, recorder):
        assert fetched(f"http://{NAME}/", recorder) == image


def test_a_url_of_8192_characters_is_fetched() -> None:
    url = f"http://{NAME}/".ljust(8192, "a")
    with public_site(says(response(IMAGE))) as (_, recorder):
        assert fetched(url, recorder) == IMAGE


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(says(), id="closed"),
        pytest.param(resets(), id="reset"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n"), id="another-protocol"),
        pytest.param(says(b"HTTP/1.1 2000 OK\r\n\r\n"), id="status-of-four-digits"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), id="two-lengths"),
        pytest.param(says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n"), id="upgrade"),
        pytest.param(says(b"\x00" * 1000), id="zeros"),
    ],
)
def test_closed_refused_and_malformed_are_indistinguishable(script: Script) -> None:
    with public_site(script) as (_, recorder):
        assert failure(recorder) == failure(Recorder({NAME: [[PUBLIC]]}, {PUBLIC: 1}))


def failure(recorder: Recorder) -> str:
    with pytest.raises(FetchFailed) as raised:
        fetched(f"http://{NAME}/", recorder)
    return raised.value.detail
