"""What a client gets when a backend is slow, down or broken, or when its request is too large."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.harness.process import ROOT, end_process, free_port, wait_for
from tests.gateway.certificates import certificate_for
from tests.gateway.documents import document, one_path, operation
from tests.gateway.echo_backend import Echo, echo_backend, resetting_backend
from tests.gateway.http_client import send
from tests.gateway.running_gateway import SharedGateway, accepts, serving

pytestmark = pytest.mark.integration

MIB = 1 << 20
LIMIT = 32 * MIB


def test_a_request_past_its_deadline_gets_504(shared: SharedGateway) -> None:
    response = shared.send("GET /open?sleep=2")
    assert (response.status, response.message) == (504, "upstream request timeout")


@pytest.mark.parametrize(
    ("line", "body"),
    [
        pytest.param("GET /closed", None, id="get"),
        pytest.param("POST /closed", b"x", id="post"),
        pytest.param("POST /closed", b"x" * 4 * MIB, id="post-too-long-to-be-kept-for-a-retry"),
    ],
)
def test_an_unreachable_backend_gives_503(shared: SharedGateway, line: str, body: bytes | None) -> None:
    response = shared.send(line, body=body)
    assert response.status == 503
    assert response.message.startswith("upstream connect error or disconnect/reset before headers")


@pytest.mark.parametrize("status", [400, 401, 404, 405, 418, 429, 500, 502, 503, 504])
def test_a_backends_own_errors_are_passed_on_unchanged(shared: SharedGateway, status: int) -> None:
    before = shared.rose.requests
    response = shared.send(f"GET /open?status={status}")
    assert response.status == status
    assert response.json["backend"] == "rose"
    assert shared.rose.requests == before + 1


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("failures", "status"), [pytest.param(1, 200, id="one-reset"), pytest.param(2, 503, id="two-resets")]
)
def test_a_reset_is_retried_once_whatever_the_method(tmp_path: Path, method: str, failures: int, status: int) -> None:
    with resetting_backend(failures) as backend:
        with serving(tmp_path, document({"/x": {method: operation(backend.url)}})) as gateway:
            response = gateway.send(f"{method.upper()} /x", body=b"hello" if method == "post" else None)
        assert response.status == status
        assert backend.attempts == 2
        if status == 503:
            assert response.message.startswith("upstream connect error or disconnect/reset before headers. retried")


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize(
    ("size", "status"), [pytest.param(LIMIT, 200, id="32-mib"), pytest.param(LIMIT + 1, 413, id="one-byte-more")]
)
def test_a_body_may_have_32_mib(shared: SharedGateway, size: int, status: int, chunked: bool) -> None:
    headers = {"x-api-key": "good"}
    if not chunked:
        before = shared.forwarded
        response = shared.send("POST /v1/roses/name", headers, b"x" * size)
        assert response.status == status
        assert shared.forwarded == before + (status == 200)
        if status == 200:
            assert response.json["body_bytes"] == size
        else:
            assert response.message
        return
    with socket.create_connection(("127.0.0.1", shared.gateway.port), timeout=20) as connection:
        connection.sendall(b"POST /v1/roses/name HTTP/1.1\r\nHost: x\r\nX-Api-Key: good\r\n")
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(connection.recv(65536)))
        reader.start()
        try:
            for left in range(size, 0, -MIB):
                piece = min(left, MIB)
                connection.sendall(b"%x\r\n%b\r\n" % (piece, b"x" * piece))
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            assert status == 413
        reader.join(20)
    assert received
    assert received[0].split()[1] == str(status).encode()


def test_a_slow_response_does_not_delay_other_requests(shared: SharedGateway) -> None:
    shared.rose.held.clear()
    shared.rose.hold.clear()
    slow: list[int] = []
    thread = threading.Thread(target=lambda: slow.append(send(shared.gateway.port, "POST /open?hold").status))
    thread.start()
    try:
        wait_for(shared.rose.held.is_set, 10, "the slow request to arrive")
        assert shared.send("GET /open").status == 200
        assert not slow
    finally:
        shared.rose.hold.set()
    thread.join(10)
    assert slow == [200]


def test_a_backend_is_reached_over_tls_and_its_certificate_is_verified(tmp_path: Path) -> None:
    """The certificate must be for the host in the document, whatever `--backend` connects to."""
    certificate, key = certificate_for("secure.test")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    paths = {"/x": {"get": operation("https://secure.test")}, "/y": {"get": operation("https://other.test")}}
    with echo_backend("secure", tls=context) as backend:
        url = f"https://127.0.0.1:{backend.server_port}"
        arguments = [f"--backend=https://{name}.test={url}" for name in ("secure", "other")]
        trusted = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        with serving(tmp_path, document(paths), *arguments, variables=trusted) as gateway:
            response = gateway.send("GET /x")
            assert response.status == 200
            assert response.json["headers"]["host"] == "secure.test"
            assert gateway.send("GET /y").status == 503
            wait_for(lambda: len(gateway.log) == 2, 20, "the log")
            assert "CERTIFICATE_VERIFY_FAILED" in gateway.log[-1]["backend_failure"]


def test_a_backend_with_protocol_h2_gets_http2(tmp_path: Path, rose: Echo) -> None:
    """The backend is a second gateway, whose access log has the protocol."""
    (tmp_path / "inner").mkdir()
    with serving(tmp_path / "inner", one_path(rose.url)) as http2_backend:
        address = f"http://127.0.0.1:{http2_backend.port}"
        outer = document({"/x": {"get": operation(address, protocol="h2")}})
        with serving(tmp_path, outer) as gateway:
            assert gateway.send("GET /x").status == 200
        wait_for(lambda: bool(http2_backend.log), 20, "the log")
        assert http2_backend.log[-1]["protocol"] == "HTTP/2"


def test_a_dead_backend_does_not_affect_others_and_is_used_again_within_two_seconds(tmp_path: Path, rose: Echo) -> None:
    """With requests to both: only those to the dead one fail, with 503, and only while it is dead.

    The two seconds are counted in requests, of which at most fifty are sent in a second, on a busy machine fewer.
    """
    port = free_port()
    paths = {"/alive": {"get": operation(rose.url)}, "/dying": {"get": operation(f"http://127.0.0.1:{port}")}}
    backend = killable(port)
    try:
        with serving(tmp_path, document(paths)) as gateway:
            stop = threading.Event()
            seen: dict[str, list[tuple[float, int]]] = {"/alive": [], "/dying": []}

            def keep_sending(path: str) -> None:
                while not stop.wait(0.02):
                    status = gateway.send(f"GET {path}").status
                    seen[path].append((time.monotonic(), status))

            def last(path: str, status: int, after: float) -> bool:
                return bool(seen[path]) and seen[path][-1] > (after, 0) and seen[path][-1][1] == status

            threads = [threading.Thread(target=keep_sending, args=(path,)) for path in seen]
            for thread in threads:
                thread.start()
            try:
                wait_for(lambda: len(seen["/dying"]) > 10, 10, "some responses")
                died = time.monotonic()
                backend.kill()
                backend.wait()
                wait_for(lambda: last("/dying", 503, died + 0.5), 20, "failures for half a second")
                backend = killable(port)
                back = time.monotonic()
                wait_for(lambda: last("/dying", 200, back), 20, "the backend's return")
            finally:
                stop.set()
                for thread in threads:
                    thread.join(10)
    finally:
        end_process(backend)
    assert {status for _, status in seen["/alive"]} == {200}
    assert {status for when, status in seen["/dying"] if when < died} == {200}
    assert {status for _, status in seen["/dying"]} == {200, 503}
    assert sum(when > back and status == 503 for when, status in seen["/dying"]) < 100


def killable(port: int) -> subprocess.Popen[str]:
    """A backend in a process of its own, which accepts connections."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.echo_backend", "dying", str(port)], cwd=ROOT, text=True
    )
    wait_for(lambda: accepts(port) or process.poll() is not None, 10, "the backend")
    return process
