"""Backends for tests: one that echoes requests, and one that resets connections."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Echo(ThreadingHTTPServer):
    """Responds with `{backend, method, path, headers, body_bytes}`; `?status=` sets the status, `?sleep=` waits.

    `requests` counts requests. `?hold` sets `held` and waits until `hold` is set.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, port: int = 0) -> None:
        self.name = name
        self.requests = 0
        self.hold = threading.Event()
        self.held = threading.Event()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), EchoHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


class EchoHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Echo

    def respond(self) -> None:
        with self.server.lock:
            self.server.requests += 1
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        content = {
            "backend": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body_bytes": self.body_bytes(),
        }
        if "hold" in query:
            self.server.held.set()
            self.server.hold.wait(30)
        if "sleep" in query:
            threading.Event().wait(float(query["sleep"][0]))
        body = json.dumps(content).encode()
        self.send_response(int(query.get("status", ["200"])[0]))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = respond

    def body_bytes(self) -> int:
        if self.headers.get("Transfer-Encoding") == "chunked":
            total = 0
            while size := int(self.rfile.readline(), 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return total
        total = left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        return total

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def echo_backend(name: str, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Echo]:
    server = Echo(name, port)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class ResettingBackend:
    """A backend that closes the connection of the first `failures` requests without a response, then responds 200."""

    failures: int
    attempts: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                    data += more
                if not data:
                    continue
                self.attempts += 1
                if self.attempts > self.failures:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


@contextmanager
def resetting_backend(failures: int) -> Iterator[ResettingBackend]:
    server = ResettingBackend(failures)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        # `close` alone would leave `accept` waiting.
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()


def main() -> None:
    """`python -m tests.gateway.echo_backend NAME PORT`: a backend in a process that can be killed."""
    name, port = sys.argv[1:]
    Echo(name, int(port)).serve_forever()


if __name__ == "__main__":
    main()
