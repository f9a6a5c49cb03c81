"""What a caller sees when a backend is slow, gone, wrong, or sent too much."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.gateway.asking import ask
from tests.gateway.conftest import Lab
from tests.gateway.echo import Echo, echo, stumbling
from tests.gateway.serving import document, operation, serving
from tests.running import wait_for

MIB = 1 << 20
LIMIT = 32 * MIB


def test_a_deadline_ends_a_request_with_504(lab: Lab) -> None:
    answer = lab.ask("GET /open?sleep=2")
    assert (answer.status, answer.message) == (504, "upstream request timeout")


@pytest.mark.parametrize(
    ("line", "body"),
    [
        pytest.param("GET /closed", None, id="get"),
        pytest.param("POST /closed", b"x", id="post"),
        pytest.param("POST /closed", b"x" * 4 * MIB, id="post-longer-than-what-is-kept-for-a-retry"),
    ],
)
def test_an_unreachable_backend_is_503(lab: Lab, line: str, body: bytes | None) -> None:
    answer = lab.ask(line, body=body)
    assert answer.status == 503
    assert answer.message.startswith("upstream connect error or disconnect/reset before headers")


@pytest.mark.parametrize("status", [400, 401, 404, 405, 418, 429, 500, 502, 503, 504])
def test_a_backends_own_errors_pass_untouched(lab: Lab, status: int) -> None:
    before = lab.rose.requests
    answer = lab.ask(f"GET /open?status={status}")
    assert answer.status == status
    assert answer.json["backend"] == "rose"
    assert lab.rose.requests == before + 1


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("failures", "status"), [pytest.param(1, 200, id="once-is-mended"), pytest.param(2, 503, id="twice-is-not")]
)
def test_a_reset_is_retried_once_whatever_the_method(tmp_path: Path, method: str, failures: int, status: int) -> None:
    with stumbling(failures) as backend:
        with serving(tmp_path, document({"/x": {method: operation(backend.url)}})) as gateway:
            answer = gateway.ask(f"{method.upper()} /x", body=b"hello" if method == "post" else None)
        assert answer.status == status
        assert backend.attempts == 2
        if status == 503:
            assert answer.message.startswith("upstream connect error or disconnect/reset before headers. retried")


@pytest.mark.parametrize("chunked", [False, True], ids=["with-its-length", "chunked"])
@pytest.mark.parametrize(
    ("size", "status"), [pytest.param(LIMIT, 200, id="32-mib"), pytest.param(LIMIT + 1, 413, id="one-byte-more")]
)
def test_a_body_may_have_32_mib(lab: Lab, size: int, status: int, chunked: bool) -> None:
    headers = {"x-api-key": "good"}
    if not chunked:
        before = lab.arrived
        answer = lab.ask("POST /v1/roses/name", headers, b"x" * size)
        assert answer.status == status
        assert lab.arrived == before + (status == 200)
        if status == 200:
            assert answer.json["body_bytes"] == size
        else:
            assert answer.message
        return
    with socket.create_connection(("127.0.0.1", lab.gateway.port), timeout=20) as connection:
        connection.sendall(b"POST /v1/roses/name HTTP/1.1\r\nHost: x\r\nX-Api-Key: good\r\n")
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        answered = []
        reader = threading.Thread(target=lambda: answered.append(connection.recv(65536)))
        reader.start()
        try:
            for left in range(size, 0, -MIB):
                piece = min(left, MIB)
                connection.sendall(b"%x\r\n%b\r\n" % (piece, b"x" * piece))
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            assert status == 413
        reader.join(20)
    assert answered
    assert answered[0].split()[1] == str(status).encode()


def test_slow_answers_to_some_do_not_keep_others_waiting(lab: Lab) -> None:
    lab.rose.held.clear()
    lab.rose.hold.clear()
    slow: list[int] = []
    thread = threading.Thread(target=lambda: slow.append(ask(lab.gateway.port, "POST /open?hold").status))
    thread.start()
    try:
        wait_for(lab.rose.held.is_set, 10, "the slow request to arrive")
        assert lab.ask("GET /open").status == 200
        assert not slow
    finally:
        lab.rose.hold.set()
    thread.join(10)
    assert slow == [200]


def test_a_backend_is_reached_over_tls_and_its_certificate_is_verified(tmp_path: Path) -> None:
    """The name in the document must be the certificate's, wherever the backend really listens."""
    certificate, key = certificate_for("secure.test")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    paths = {"/x": {"get": operation("https://secure.test")}, "/y": {"get": operation("https://other.test")}}
    with echo("secure", tls=context) as backend:
        here = f"https://127.0.0.1:{backend.server_port}"
        arguments = [f"--backend=https://{name}.test={here}" for name in ("secure", "other")]
        trusted = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        with serving(tmp_path, document(paths), *arguments, variables=trusted) as gateway:
            answer = gateway.ask("GET /x")
            assert answer.status == 200
            assert answer.json["headers"]["host"] == "secure.test"
            assert gateway.ask("GET /y").status == 503
            wait_for(lambda: len(gateway.log) == 2, 5, "the log")
            assert "CERTIFICATE_VERIFY_FAILED" in gateway.log[-1]["backend_failure"]


def certificate_for(name: str) -> tuple[bytes, bytes]:
    """A certificate that signs itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), plain


def test_a_backend_that_speaks_http2_is_spoken_to_in_http2(tmp_path: Path, rose: Echo) -> None:
    """A second gateway takes HTTP/2 and says in its log what it was spoken to in."""
    (tmp_path / "inner").mkdir()
    inner = document({"/x": {"get": operation(rose.url)}})
    with serving(tmp_path / "inner", inner) as http2_backend:
        address = f"http://127.0.0.1:{http2_backend.port}"
        outer = document({"/x": {"get": operation(address, protocol="h2")}})
        with serving(tmp_path, outer) as gateway:
            assert gateway.ask("GET /x").status == 200
        wait_for(lambda: bool(http2_backend.log), 5, "the log")
        assert http2_backend.log[-1]["protocol"] == "HTTP/2"
