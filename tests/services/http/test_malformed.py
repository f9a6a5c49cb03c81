"""Malformed HTTP/1.1 messages: refused with one response, and the rest of the connection is ignored.

Cases 35, 36 and 41 of the hostile inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.harness.photos import Photo
from tests.running import Service
from tests.services.raw_http import Received, Reference, head, require_log_lines, require_no_internals, send_raw

pytestmark = pytest.mark.integration

HOST = b"Host: x\r\n"
GET = b"GET /live HTTP/1.1\r\n" + HOST
POST = b"POST /predict HTTP/1.1\r\n" + HOST
# Sent after each message: if it got a 200 response, the malformed message would have smuggled it in.
SECOND = b"GET /live HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    # The request line.
    "no-method": b" /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-in-lower-case": b"get /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-with-colon": b"GE:T /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-unknown": b"FOO /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-too-long": b"A" * 21 + b" /live HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-target": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-version": b"GET /live\r\n" + HOST + b"\r\n",
    "version-of-another-protocol": b"GET /live FTP/1.1\r\n" + HOST + b"\r\n",
    "version-2": b"GET /live HTTP/2.0\r\n" + HOST + b"\r\n",
    "version-in-lower-case": b"GET /live http/1.1\r\n" + HOST + b"\r\n",
    "version-with-space": b"GET /live HTTP/1.1 \r\n" + HOST + b"\r\n",
    "version-with-more-digits": b"GET /live HTTP/1.11\r\n" + HOST + b"\r\n",
    "tab-for-space": b"GET\t/live\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "target-with-nul": b"GET /li\x00ve HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-with-raw-byte": b"GET /li\xffve HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-without-slash": b"GET live HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    # Line ends.
    "line-feeds-alone": b"GET /live HTTP/1.1\nHost: x\n\n",
    "one-line-feed-alone": b"GET /live HTTP/1.1\nHost: x\r\n\r\n",
    "line-feed-in-header": GET + b"A: b\nContent-Length: 5\r\n\r\n",
    "carriage-return-in-header": GET + b"A: b\rContent-Length: 5\r\n\r\n",
    # Headers.
    "no-host": b"GET /live HTTP/1.1\r\n\r\n",
    "two-hosts": GET + HOST + b"\r\n",
    "no-colon": GET + b"nothing\r\n\r\n",
    "empty-name": GET + b": b\r\n\r\n",
    "space-before-colon": GET + b"A : b\r\n\r\n",
    "space-before-name": b"GET /live HTTP/1.1\r\n Host: x\r\n\r\n",
    "folded": GET + b"A: b\r\n c\r\n\r\n",
    "folded-with-tab": GET + b"A: b\r\n\tc\r\n\r\n",
    "name-with-bracket": GET + b"A[]: b\r\n\r\n",
    "name-with-raw-byte": GET + b"A\xfc: b\r\n\r\n",
    "nul-in-value": GET + b"A: b\x00c\r\n\r\n",
    "bell-in-value": GET + b"A: b\x07c\r\n\r\n",
    "delete-in-value": GET + b"A: b\x7fc\r\n\r\n",
    "two-content-types": POST + b"Content-Type: image/png\r\nContent-Type: text/html\r\n\r\n",
    # Lengths.
    "length-with-sign": POST + b"Content-Length: +2\r\n\r\nab",
    "length-negative": POST + b"Content-Length: -1\r\n\r\n",
    "length-hexadecimal": POST + b"Content-Length: 0x2\r\n\r\nab",
    "length-with-underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "length-superscript": POST + b"Content-Length: \xb2\r\n\r\nab",
    "length-fraction": POST + b"Content-Length: 2.0\r\n\r\nab",
    "length-empty": POST + b"Content-Length:\r\n\r\n",
    "length-list": POST + b"Content-Length: 2, 2\r\n\r\nab",
    "two-lengths-alike": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "two-lengths": POST + b"Content-Length: 2\r\nContent-Length: 33\r\n\r\nab",
    "length-of-5000-digits": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "length-and-chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    # Transfer codings.
    "coding-unknown": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding-with-vertical-tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding-twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "coding-in-two-headers": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-identity-and-chunked": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "coding-chunked-and-identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding-identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding-empty": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "coding-quoted": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunks-in-http-1.0": b"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
MALFORMED_CHUNKS = {
    "no-digit": CHUNKED + b"ZZ\r\nab\r\n0\r\n\r\n",
    "empty-size": CHUNKED + b"\r\nab\r\n0\r\n\r\n",
    "signed-size": CHUNKED + b"+2\r\nab\r\n0\r\n\r\n",
    "prefixed-size": CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "size-with-underscore": CHUNKED + b"0_2\r\nab\r\n0\r\n\r\n",
    "space-before-size": CHUNKED + b" 2\r\nab\r\n0\r\n\r\n",
    "size-of-16-digits": CHUNKED + b"f" * 16 + b"\r\nab\r\n0\r\n\r\n",
    "size-ends-in-line-feed": CHUNKED + b"2\nab\r\n0\r\n\r\n",
    "extension-with-line-feed": CHUNKED + b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "chunk-longer-than-said": CHUNKED + b"2\r\nabcd\r\n0\r\n\r\n",
    "chunk-ends-in-line-feed": CHUNKED + b"2\r\nab\n0\r\n\r\n",
    "trailer-without-colon": CHUNKED + b"0\r\nnothing\r\n\r\n",
    "trailer-with-line-feed": CHUNKED + b"0\r\nA: b\n\r\n",
    "not-read-by-the-route": GET + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
}
TOO_MUCH = {
    "target-of-5000-characters": (414, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target-without-end": (414, b"GET /" + b"a" * 70_000),
    "header-of-9000-characters": (431, GET + b"A: " + b"a" * 9000 + b"\r\n\r\n"),
    "101-headers": (431, b"GET /live HTTP/1.1\r\n" + HOST * 1 + b"A: b\r\n" * 100 + b"\r\n"),
    "headers-without-end": (431, GET + b"A: b\r\n" * 20_000),
    "coding-gzip": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "expectation": (417, POST + b"Expect: something\r\nContent-Length: 2\r\n\r\nab"),
}


@pytest.fixture(scope="module")
def reference(lite0: Service, photos: list[Photo]) -> Iterator[Reference]:
    """Checks at the end that no message harmed the service, and that the log contains no internals."""
    reference = Reference(lite0, photos[0].data)
    yield reference
    reference.require_unharmed()
    require_log_lines(lite0)


@pytest.fixture(scope="module")
def received_for(lite0: Service, reference: Reference) -> Mapping[bytes, Received]:
    """By message. All are sent at once, because the service waits for half a second before it closes a connection."""
    messages = [*MALFORMED.values(), *MALFORMED_CHUNKS.values(), *(message for _, message in TOO_MUCH.values())]
    with ThreadPoolExecutor(len(messages)) as pool:
        received = pool.map(lambda message: send_raw(lite0, message + SECOND), messages)
        return dict(zip(messages, received, strict=True))


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    received_for: Mapping[bytes, Received], message: bytes
) -> None:
    received = received_for[message]
    assert received.closed
    assert received.statuses == [400]
    assert received.responses[0].code == "request_malformed"
    assert received.responses[0].headers["connection"] == "close"
    require_no_internals(received.raw)


@pytest.mark.parametrize("message", MALFORMED_CHUNKS.values(), ids=MALFORMED_CHUNKS)
def test_a_body_in_malformed_chunks_is_refused_and_the_connection_closed(
    received_for: Mapping[bytes, Received], message: bytes
) -> None:
    received = received_for[message]
    assert received.closed
    assert received.statuses == [400]
    assert received.responses[0].code == "body_malformed"
    require_no_internals(received.raw)


@pytest.mark.parametrize(("status", "message"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_head_over_a_limit_gets_a_specific_status(
    received_for: Mapping[bytes, Received], status: int, message: bytes
) -> None:
    received = received_for[message]
    assert received.closed
    assert received.statuses == [status]
    assert received.responses[0].json["status"] == status
    require_no_internals(received.raw)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_request_may_arrive_in_pieces_together_with_the_next_one(lite0: Service, size: int) -> None:
    message = CHUNKED + b"2;a=b\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\n" + SECOND
    received = send_raw(lite0, *[message[at : at + size] for at in range(0, len(message), size)])
    assert received.statuses == [415, 200]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\r\n\r\n" + SECOND, id="empty-lines-first"),
        pytest.param(b"GET  /live HTTP/1.1\r\n" + HOST + b"\r\n", id="two-spaces"),
    ],
)
def test_leniencies_that_rfc_9112_allows_are_accepted(lite0: Service, message: bytes) -> None:
    assert send_raw(lite0, message + SECOND).statuses == [200, 200]


def test_rtsp_1_0_is_read_as_http_1_0_and_the_connection_closes(lite0: Service) -> None:
    received = send_raw(lite0, b"GET /live RTSP/1.0\r\n\r\n" + SECOND, finish=False)
    assert received.statuses == [200]
    assert received.closed


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(CHUNKED + b"2;" + b"a" * 100_000 + b"\r\nab\r\n0\r\n\r\n", id="chunk-extension"),
        pytest.param(CHUNKED + b"2\r\nab\r\n0\r\n" + b"A: b\r\n" * 30_000 + b"\r\n", id="trailers"),
    ],
)
def test_chunk_extensions_and_trailers_are_ignored(lite0: Service, message: bytes) -> None:
    received = send_raw(lite0, message + SECOND)
    assert received.statuses == [415, 200]


def test_pipelined_requests_get_responses_in_order(lite0: Service) -> None:
    paths = ["/live", "/nothing", "/ready", "/predict"] * 5
    received = send_raw(lite0, b"".join(head("GET", path, x_request_id=f"n{n}") for n, path in enumerate(paths)))
    assert received.statuses == [200, 404, 200, 405] * 5
    assert [response.headers["x-request-id"] for response in received.responses] == [f"n{n}" for n in range(20)]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "127.0.0.1", "x_forwarded_host": "evil.example", "x_forwarded_proto": "https"},
        {"x_forwarded_proto": "gopher", "x_forwarded_ssl": "on", "x_forwarded_protocol": "ssl"},
        {"forwarded": "for=127.0.0.1;host=evil.example", "x_real_ip": "127.0.0.1"},
        {"x_http_method_override": "DELETE", "x_method_override": "PUT"},
        {"x_original_url": "/metrics", "x_rewrite_url": "/metrics"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_forwarding_headers_have_no_effect(lite0: Service, headers: dict[str, str]) -> None:
    plain = send_raw(lite0, head("GET", "/model")).responses[0]
    claimed = send_raw(lite0, head("GET", "/model", **headers)).responses[0]
    assert claimed.status == 200
    assert claimed.body == plain.body
    assert b"evil" not in send_raw(lite0, head("GET", "//model", **headers)).raw


@pytest.mark.parametrize("name", [b"X_API_KEY", b"SCRIPT_NAME", b"PATH_INFO", b"Content_Length"])
def test_a_header_with_an_underscore_is_ignored(lite0: Service, name: bytes) -> None:
    received = send_raw(lite0, GET + name + b": /metrics\r\n\r\n" + SECOND)
    assert received.statuses == [200, 200]


def test_the_host_header_has_no_effect(lite0: Service) -> None:
    received = send_raw(lite0, b"GET http://169.254.169.254/live HTTP/1.1\r\nHost: metadata.google.internal\r\n\r\n")
    assert received.statuses == [200]
    require_no_internals(received.raw)


def test_nothing_after_connect_is_read(lite0: Service) -> None:
    received = send_raw(lite0, b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND)
    assert received.closed
    assert len(received.statuses) == 1
    assert received.statuses[0] in (400, 404, 405)
