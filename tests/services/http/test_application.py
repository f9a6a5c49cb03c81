"""The service over HTTP: paths, methods, bodies and their limits, and the form of its errors.

Cases 37 to 39, 42 to 46 and 68 of the hostile inputs; test_request_body, test_form and test_parameters have more.
"""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from tests.running import Service, StartService
from tests.services.raw_http import (
    RawResponse,
    Reference,
    connection,
    head,
    next_response,
    received_until_close,
    require_log_lines,
    require_no_internals,
    responses,
    send_raw,
)

pytestmark = pytest.mark.integration

CAP = 10 * 2**20
PREDICT = ("POST", "/predict")


@pytest.fixture(scope="module")
def small(start_service: StartService) -> Service:
    """A service that accepts bodies of at most 1,000 bytes."""
    return start_service(MODEL_NAME="efficientnet-lite0", GUICHET_MAX_BODY="1000")


def chunks(*sizes: int) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in (*sizes, 0))


def test_a_problem_has_the_documented_fields(lite0: Service) -> None:
    version = requests.get(f"{lite0.url}/model", timeout=5).json()["version"]
    detail = f"No such path. This service has the model `efficientnet-lite0`, version `{version}`."
    response = requests.get(f"{lite0.url}/nothing", headers={"X-Request-Id": "abc.1"}, timeout=5)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:guichet:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": detail,
        "instance": "urn:guichet:request:abc.1",
        "code": "not_found",
        "request_id": "abc.1",
        "error": detail,
    }


@pytest.mark.parametrize(
    "sent", ["", "a b", "a" * 65, "<script>", "a\u00e9"], ids=["none", "space", "long", "tag", "é"]
)
def test_an_unsafe_request_id_is_replaced(lite0: Service, sent: str) -> None:
    headers = {"x_request_id": sent} if sent else {}
    (response,) = send_raw(lite0, head("GET", "/model", **headers)).responses
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


def test_a_service_with_one_host_refuses_requests_for_others(start_service: StartService, photos: list[Photo]) -> None:
    service = start_service(MODEL_NAME="efficientnet-lite0", GUICHET_ONLY_HOST="secret.localhost")
    for host, status in (
        ("secret.localhost:8000", 200),
        ("secret.localhost", 200),
        ("127.0.0.1", 400),
        ("secret", 400),
    ):
        headers = {"Host": host}
        assert requests.get(f"{service.url}/model", headers=headers, timeout=5).status_code == status
        predicted = requests.post(f"{service.url}/predict", data=photos[0].data, headers=headers, timeout=20)
        assert predicted.status_code == status
        assert status == 200 or predicted.json()["code"] == "request_malformed"
    for path in ("/live", "/ready"):
        assert requests.get(f"{service.url}{path}", timeout=5).status_code == 200


@pytest.mark.parametrize("path", ["/live", "/ready", "/model", "/metrics"])
def test_every_route_responds(lite0: Service, path: str) -> None:
    response = requests.get(f"{lite0.url}{path}", timeout=5)
    assert response.status_code == 200
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    require_no_internals(response.content)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/debug",
        "/console",
        "/openapi.json",
        "/healthz",
        "/static/x",
        "/favicon.ico",
        "/.git/config",
        "/server-status",
        "/?__debugger__=yes&cmd=resource&f=debugger.js",
        "//live",
        "//v1/models",
        "/v1/../live",
        "/./live",
        "/%2e%2e/live",
        "/live/",
        "/live;x",
        "/live%00",
        "/live%0d%0aSet-Cookie:a=b",
        "/LIVE",
        "/live%2f",
        "/..%2f..%2fetc/passwd",
        "/%c0%ae%c0%ae/",
        "/live\\",
    ],
)
def test_any_other_path_is_404(lite0: Service, path: str) -> None:
    received = send_raw(lite0, head("GET", path))
    assert received.statuses == [404]
    assert received.responses[0].code == "not_found"
    assert "location" not in received.responses[0].headers
    require_no_internals(received.raw)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "PATCH", "HEAD"])
def test_another_method_is_405_with_the_allowed_methods(lite0: Service, method: str) -> None:
    received = send_raw(lite0, head(method, "/predict", x_secret="token"))
    (response,) = responses(received.raw) if method != "HEAD" else responses_without_body(received.raw)
    assert response.status == 405
    assert response.headers["allow"] == "OPTIONS, POST"
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.body == b"") == (method == "HEAD")
    assert b"token" not in received.raw


def test_head_is_get_without_a_body(lite0: Service) -> None:
    (got,) = send_raw(lite0, head("GET", "/model")).responses
    (headed,) = responses_without_body(send_raw(lite0, head("HEAD", "/model")).raw)
    assert (headed.status, headed.headers["content-length"]) == (200, got.headers["content-length"])


def responses_without_body(received: bytes) -> list[RawResponse]:
    """The response to HEAD, whose Content-Length is that of the omitted body."""
    (response,) = responses(re.sub(rb"(?i)content-length: \d+", b"Content-Length: 0", received))
    length = re.search(rb"(?i)content-length: (\d+)", received)
    assert length
    return [RawResponse(response.status, response.headers | {"content-length": length[1].decode()}, response.body)]


def test_browsers_preflight_requests_are_allowed(lite0: Service) -> None:
    response = requests.options(f"{lite0.url}/predict", headers={"Origin": "https://a.example"}, timeout=5)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == "OPTIONS, POST"
    assert requests.options(f"{lite0.url}/nothing", timeout=5).status_code == 404


def test_a_body_over_the_limit_is_refused_before_it_is_sent(lite0: Service, photos: list[Photo]) -> None:
    reference = Reference(lite0, photos[0].data)
    with connection(lite0) as sock:
        sock.sendall(head(*PREDICT, content_length=str(CAP + 1)))
        (response,) = responses(received_until_close(sock)[0])
    assert (response.status, response.code) == (413, "body_too_large")
    assert response.json["detail"] == "The body is larger than 10,485,760 bytes."
    reference.require_unharmed()


def test_a_body_over_the_limit_that_is_sent_anyway_still_gets_the_response(lite0: Service) -> None:
    received = send_raw(lite0, head(*PREDICT, content_length=str(CAP + 1)), b"x" * (CAP + 1))
    assert received.statuses == [413]


def send_slowly(sock: socket.socket) -> None:
    """Send a byte now and then, for eight seconds."""
    for _ in range(40):
        threading.Event().wait(0.2)
        sock.sendall(b"x")


def test_a_refused_caller_that_never_stops_sending_is_disconnected(lite0: Service) -> None:
    with connection(lite0) as sock:
        sock.sendall(head(*PREDICT, content_length=str(CAP + 1)))
        assert next_response(sock).status == 413
        with pytest.raises(ConnectionError):
            send_slowly(sock)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(chunks(1000), 415, id="at-the-bound"),
        pytest.param(chunks(*[100] * 10), 415, id="at-the-bound-in-pieces"),
        pytest.param(chunks(1001), 413, id="one-over"),
        pytest.param(chunks(*[1] * 1001), 413, id="one-over-in-pieces"),
        pytest.param(chunks(*[100] * 1000), 413, id="far-over"),
    ],
)
def test_a_chunked_body_is_never_truncated(small: Service, body: bytes, status: int) -> None:
    received = send_raw(small, head(*PREDICT, content_type="image/png", transfer_encoding="chunked") + body)
    assert received.statuses[0] == status
    assert received.responses[0].code == ("body_too_large" if status == 413 else "image_unsupported")


@pytest.mark.parametrize(("size", "status"), [(1000, 415), (1001, 413)])
def test_the_limit_on_a_body_with_a_length_is_exact(small: Service, size: int, status: int) -> None:
    assert requests.post(f"{small.url}/predict", data=b"x" * size, timeout=5).status_code == status


def test_a_chunked_photo_gets_the_same_prediction(lite0: Service, photos: list[Photo]) -> None:
    data = photos[0].data
    pieces = (data[at : at + 5000] for at in range(0, len(data), 5000))
    whole = requests.post(f"{lite0.url}/predict", data=data, timeout=10)
    assert requests.post(f"{lite0.url}/predict", data=pieces, timeout=10).json() == whole.json()


def test_expect_100_continue_gets_100(lite0: Service, photos: list[Photo]) -> None:
    data = photos[0].data
    with connection(lite0) as sock:
        sock.sendall(head(*PREDICT, expect="100-continue", content_length=str(len(data))))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        (response,) = responses(received_until_close(sock)[0])
    assert response.status == 200


def test_expect_100_continue_with_too_large_a_body_gets_413(lite0: Service) -> None:
    received = send_raw(lite0, head(*PREDICT, expect="100-continue", content_length=str(CAP + 1)), finish=False)
    assert received.statuses == [413]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(head(*PREDICT, content_length="100") + b"half", "body_malformed", id="length"),
        pytest.param(head(*PREDICT, transfer_encoding="chunked") + b"64\r\nhalf", "body_malformed", id="chunk"),
        pytest.param(head(*PREDICT, transfer_encoding="chunked") + b"4\r\nhalf\r\n", "body_malformed", id="last-chunk"),
    ],
)
def test_an_incomplete_body_is_never_classified(lite0: Service, sent: bytes, code: str) -> None:
    received = send_raw(lite0, sent)
    assert received.statuses == [400]
    assert received.responses[0].code == code


def test_an_incomplete_head_gets_no_response(lite0: Service) -> None:
    assert send_raw(lite0, b"GET /live HTT").raw == b""


def test_no_response_and_no_log_line_contains_secrets_from_the_request(lite0: Service) -> None:
    secret = "s3cr3t-token"
    headers = {"Authorization": f"Bearer {secret}", "X-Api-Key": secret, "Cookie": secret, "User-Agent": secret}
    for data in (b"\xff\xd8\xff\xe0" + secret.encode(), json.dumps({"url": f"http://{secret}.example:22/"}), secret):
        for kind in ("image/jpeg", "application/json", f"multipart/form-data; boundary={secret}"):
            response = requests.post(
                f"{lite0.url}/predict?key={secret}", data, headers=headers | {"Content-Type": kind}, timeout=5
            )
            assert 400 <= response.status_code < 500
            assert secret not in response.text
            assert secret not in str(response.headers)
    lines = require_log_lines(lite0)
    assert lines[-1]["message"].startswith("POST /predict 4")
    assert secret not in lite0.log.read_text()


def test_a_prediction_is_logged_with_its_timing(lite0: Service, photos: list[Photo]) -> None:
    response = requests.post(f"{lite0.url}/predict", data=photos[0].data, headers={"X-Request-Id": "timed"}, timeout=10)

    def lines() -> list[dict[str, object]]:
        return [line for line in require_log_lines(lite0) if line.get("request_id") == "timed"]

    wait_for(lambda: bool(lines()), 20, "the log line")
    (line,) = lines()
    assert line["timing"] == response.headers["Server-Timing"]
    assert (line["message"], line["status"]) == ("POST /predict 200", 200)


def test_the_service_listens_only_on_its_port(lite0: Service) -> None:
    import psutil

    processes = [psutil.Process(lite0.process.pid), *psutil.Process(lite0.process.pid).children(recursive=True)]
    sockets = [found for process in processes for found in process.net_connections("unix") if found.laddr]
    assert not sockets
    listening = {found.laddr.port for process in processes for found in process.net_connections("inet")}
    assert listening == {int(lite0.url.rpartition(":")[2])}
