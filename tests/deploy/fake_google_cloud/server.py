"""The fake cloud's HTTP server: the APIs, and a proxy that terminates TLS for *.googleapis.com.

Nothing is passed on: a connection to anywhere else is refused. Every request and every response is checked against
Google's discovery documents.
"""

from __future__ import annotations

import datetime
import http.server
import json
import re
import socket
import socketserver
import ssl
import threading
import traceback
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.fake_google_cloud import artifacts, builds, gateway, keys, logs, monitoring, projects, run  # noqa: F401  # they register their routes
from tests.deploy.fake_google_cloud.routing import RawResponse, Request, find
from tests.deploy.fake_google_cloud.state import NUMBER, PROJECT, ApiError, Cloud, Logged, refuse_if, shown
from tests.deploy.google_apis import exchange_mistakes


def answer(cloud: Cloud, request: Request) -> RawResponse:
    """The response to a request, without faults."""
    request.path = request.path.replace(f"projects/{NUMBER}", f"projects/{PROJECT}")
    try:
        with cloud.lock:
            found = find(cloud, request)
            if found is None:
                cloud.unknown.append(f"{request.method} {request.path}")
                raise ApiError(404, f"No such method: {request.method} {request.path}")
            cloud.pass_time()
            route, segments = found
            other = segments.get("p", PROJECT) not in (PROJECT, "-")
            refuse_if(
                other, 403, f"Permission denied on resource project {segments.get('p')}.", reason="CONSUMER_INVALID"
            )
            off = route.api and not cloud.enabled(f"{route.api}.googleapis.com")
            refuse_if(
                off,
                403,
                f"{route.api}.googleapis.com has not been used in project {NUMBER} before or it is disabled. Enable it"
                f" by visiting https://console.developers.google.com/apis/api/{route.api}.googleapis.com/overview?project="
                f"{NUMBER} then retry. If you enabled this API recently, wait a few minutes for the action to propagate"
                " to our systems and retry.",
                reason="SERVICE_DISABLED",
            )
            segments.pop("p", None)
            given = route.handler(cloud, request, **segments)
            if isinstance(given, RawResponse) or request.path.startswith("/v1/models/"):  # the deployed gateway's
                return given if isinstance(given, RawResponse) else RawResponse(200, json.dumps(given).encode())
            response = shown(given)
            body = {} if "/upload/" in request.path else request.body
            cloud.unknown += exchange_mistakes(request.method, request.path, request.query, body, response)
            return RawResponse(200, json.dumps(response).encode())
    except ApiError as err:
        return RawResponse(err.code, err.body)
    except Exception:  # a request that this cloud does not expect: the test fails at its end
        cloud.unknown.append(traceback.format_exc())
        return RawResponse(400, ApiError(400, "The cloud on loopback cannot take this.").body)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, direct or through the proxy."""

    protocol_version = "HTTP/1.1"
    cloud: Cloud
    tls: ssl.SSLContext
    tunnel = ""

    def log_message(self, *_: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        if not host.endswith(".googleapis.com"):
            self.cloud.unknown.append(f"CONNECT {self.path}")
            self.send_error(403, "Nothing is passed on.")
            return
        self.send_response(200, "Connection Established")
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = socketserver._SocketWriter(self.connection)  # type: ignore[attr-defined]  # as the base class does
        self.tunnel, self.close_connection = host, False

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            if self.tunnel:
                # The server closes the socket that it gave, of which TLS has taken hold.
                self.connection.close()

    def dispatch(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(
            self.path if "://" in self.path else f"http://{self.headers.get('Host', '')}{self.path}"
        )
        query = {key: values[-1] for key, values in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
        request = Request(self.command, url.path, self.tunnel or url.netloc, query, raw, self.headers)
        given = self.struck(request)
        command = re.search(r"command/(\S+)", self.headers.get("User-Agent", ""))
        entry = Logged(self.command, url.path, given.status if given else 0, command[1] if command else "")
        with self.cloud.lock:
            self.cloud.log.append(entry)
        if given is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(given.status)
        headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(given.body))}
        for header, value in {**headers, **given.headers}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(given.body)

    def struck(self, request: Request) -> RawResponse | None:
        """The response with injected faults; None if it is lost."""
        if Logged(request.method, request.path, 0, "").writes:
            self.cloud.before_write(request.method, request.path)
        with self.cloud.lock:
            fault = next((f for f in self.cloud.faults if f.fits(request.method, request.path)), None)
        if fault is None:
            return answer(self.cloud, request)
        if fault.apart and not fault.after:
            fault.apart()
        request.operation = fault.operation
        given = None
        if fault.after or not (fault.drop or fault.status):
            given = answer(self.cloud, request)
        if fault.apart and fault.after:
            fault.apart()
        if fault.drop:
            return None
        return RawResponse(fault.status, ApiError(fault.status, fault.message).body) if fault.status else given

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = dispatch


class Server(http.server.ThreadingHTTPServer):
    """Does not log aborted connections."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def serving(cloud: Cloud, tls: Path) -> Iterator[str]:
    """Serves the cloud on a free port; `tls` is a folder for the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tls))
    handler = type("Bound", (Handler,), {"cloud": cloud, "tls": context})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        cloud.address = f"127.0.0.1:{server.server_port}"
        try:
            yield f"http://{cloud.address}"
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for *.googleapis.com that only tests trust, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    if cert.exists():
        return cert, key
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests only")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.googleapis.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key.write_bytes(secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    cert.write_bytes(made.public_bytes(pem))
    return cert, key
