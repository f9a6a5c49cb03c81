"""HTTP servers on this machine that each misbehave in one way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# What a site does with a connection after it has read the head of a request; `stop` is set when the test is over.
Script = Callable[[socket.socket, bytes, threading.Event], None]


@dataclass
class Site:
    """A server that runs `script` for every connection and keeps the heads of all requests."""

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
        # Errors are for the client to notice.
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
    """A response; `content_type` becomes Content-Type, and an empty value removes the header."""
    headers = {"content_length": str(len(body)), "content_type": "image/jpeg"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found", body: bytes = b"", **headers: str) -> bytes:
    """A redirect that sets a cookie too; an empty location is left out."""
    return response(body, status, location=location, set_cookie="a=b", **headers)


def drips(first: bytes, again: bytes, seconds: float) -> Script:
    """Sends `first`, then `again` at intervals of `seconds` until the client closes."""

    def script(sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
        sock.sendall(first)
        while not stop.wait(seconds):
            sock.sendall(again)

    return script


def floods(first: bytes, again: bytes) -> Script:
    """Sends `first`, then `again` as fast as the client reads."""

    def script(sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
        sock.sendall(first)
        block = again * (1 + 65536 // len(again))
        while not stop.is_set():
            sock.sendall(block)

    return script


def is_silent(_sock: socket.socket, _head: bytes, stop: threading.Event) -> None:
    """Sends nothing until the test is over."""
    stop.wait(30)


def resets(*pieces: bytes) -> Script:
    """Sends the pieces, then resets the connection."""

    def script(sock: socket.socket, _head: bytes, _stop: threading.Event) -> None:
        for piece in pieces:
            sock.sendall(piece)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    return script
