"""Strangers' servers on this machine, each of which does one thing wrong, and who reached for them."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# What a site does with a connection, once the head of a request has come. `Stop` is set when the test is over.
Script = Callable[[socket.socket, bytes, threading.Event], None]


@dataclass
class Site:
    """A server that runs `script` for every connection, with the heads of the requests that came."""

    listener: socket.socket
    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def serve(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(OSError):
                accepted, _ = self.listener.accept()
                threading.Thread(target=self._converse, args=[accepted], daemon=True).start()

    def _converse(self, accepted: socket.socket) -> None:
        # Whatever becomes of the connection is for the other side to notice.
        with contextlib.suppress(OSError), accepted:
            accepted.settimeout(30)
            with self.tls.wrap_socket(accepted, server_side=True) if self.tls else accepted as sock:
                head = b""
                while b"\r\n\r\n" not in head and (piece := sock.recv(4096)):
                    head += piece
                self.requests.append(head)
                self.script(sock, head, self.stop)


@contextlib.contextmanager
def site(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Site(listener, script, tls)
        thread = threading.Thread(target=served.serve, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.stop.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def says(*pieces: bytes) -> Script:
    """Sends the pieces and closes."""

    def script(sock: socket.socket, _head: bytes, _stop: threading.Event) -> None:
        for piece in pieces:
            sock.sendall(piece)

    return script


def response(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with its length; `content_type` becomes Content-Type."""
    headers = {"content_length": str(len(body)), "content_type": "image/jpeg"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body


def drips(first: bytes, again: bytes, seconds: float) -> Script:
    """Sends `first`, then `again` every so many seconds until nobody listens."""

    def script(sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
        sock.sendall(first)
        while not stop.wait(seconds):
            sock.sendall(again)

    return script


def floods(first: bytes, again: bytes) -> Script:
    """Sends `first`, then `again` as fast as it is taken."""

    def script(sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
        sock.sendall(first)
        block = again * (1 + 65536 // len(again))
        while not stop.is_set():
            sock.sendall(block)

    return script


def is_silent(_sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
    """Says nothing until nobody listens."""
    stop.wait(30)


def resets(*pieces: bytes) -> Script:
    """Sends the pieces, then breaks the connection off."""

    def script(sock: socket.socket, _head: bytes, _stop: threading.Event) -> None:
        for piece in pieces:
            sock.sendall(piece)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    return script


@dataclass
class Recorder:
    """A resolver with its own book of names, and a connector that reaches local sites; both tell what they were asked.

    Connections go to `ports` by address, wherever the address would lead in the world; to none that is not there.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, _port: int) -> list[str]:
        self.lookups.append(host)
        answers = self.names.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connections.append((address, port))
        return socket.create_connection(("127.0.0.1", self.ports[address]), seconds)


@dataclass(frozen=True)
class Authority:
    """A certificate authority that nobody trusts but who is told to."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, "Test Authority", key, None)
        (folder / "authority.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, key, certificate)

    @property
    def file(self) -> str:
        return str(self.folder / "authority.pem")

    def context(self, host: str) -> ssl.SSLContext:
        """What a server needs that says it is `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(key, host, self.key, self.certificate)
        file = self.folder / f"{host.replace(':', '_')}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    else:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
