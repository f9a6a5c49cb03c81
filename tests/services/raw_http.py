"""Send raw bytes to a service, parse the responses, and check that they contain no internals."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from tests.running import Service

# What no response, header or log line may contain: code, memory addresses, paths, bytes of images.
INTERNALS = re.compile(
    rb"Traceback|File \\?\"|0x[0-9a-f]{6}|<_io|<class|object at|site-packages|/services/|/tmp/|169\.254\."
    rb"|metadata\.google|\\xff\\xd8|\\u00ff\\u00d8|JFIF|Exception|[a-z]Error\b"
)


@dataclass(frozen=True)
class RawResponse:
    """One of the responses on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def complete(self) -> bool:
        return len(self.body) == int(self.headers.get("content-length", 0))

    @property
    def code(self) -> str:
        """The problem's."""
        assert self.headers["content-type"] == "application/problem+json", self
        code: str = self.json["code"]
        return code


@dataclass(frozen=True)
class Received:
    """All responses on one connection, and whether the service closed it."""

    responses: list[RawResponse]
    closed: bool
    raw: bytes

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]


def connection(service: Service, seconds: float = 10) -> socket.socket:
    """A bare connection to the service."""
    parts = urlsplit(service.url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), seconds)


def send_raw(service: Service, *pieces: bytes, finish: bool = True, seconds: float = 10) -> Received:
    """Send the pieces and read until the service closes; `finish` closes the sending side first."""
    with connection(service, seconds) as sock:
        # The service may close before it has read everything.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
            if finish:
                sock.shutdown(socket.SHUT_WR)
        received, closed = received_until_close(sock)
    return Received(responses(received), closed, received)


def received_until_close(sock: socket.socket) -> tuple[bytes, bool]:
    """The received bytes, and whether the connection was closed before the socket's timeout."""
    received = b""
    try:
        while piece := sock.recv(1 << 16):
            received += piece
    except TimeoutError:
        return received, False
    except ConnectionError:
        pass
    return received, True


def next_response(sock: socket.socket) -> RawResponse:
    """Read one complete response, which must have a length; the head and the body may arrive separately."""
    received = sock.recv(1 << 16)
    while b"\r\n\r\n" not in received or not (response := responses(received)[0]).complete:
        piece = sock.recv(1 << 16)
        assert piece, received
        received += piece
    return response


def responses(received: bytes) -> list[RawResponse]:
    """The responses in the received bytes, including 100 Continue; all bodies must have a length."""
    found: list[RawResponse] = []
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        assert end, received
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        found.append(RawResponse(int(status.split()[1]), headers, rest[:length]))
        received = rest[length:]
    return found


def head(method: str = "POST", target: str = "/predict", **headers: str) -> bytes:
    """A request's head; `content_length` becomes Content-Length."""
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in {"host": "x", **headers}.items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def http_process(service: Service) -> psutil.Process:
    """The process that handles HTTP."""
    return psutil.Process(service.process.pid)


def established(service: Service) -> list[object]:
    """The open connections of the process that handles HTTP."""
    return [found for found in http_process(service).net_connections() if found.status == psutil.CONN_ESTABLISHED]


def require_no_internals(*texts: bytes | str) -> None:
    """Fail if a text contains any of INTERNALS."""
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        found = INTERNALS.search(data)
        assert not found, f"{found} in {data[:2000]!r}"


def require_log_lines(service: Service) -> list[dict[str, Any]]:
    """The log's lines; fails unless each is a JSON object without internals."""
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line, dict) and {"severity", "time", "message"} <= line.keys() for line in lines)
    require_no_internals(text)
    return lines


class Reference:
    """The prediction for a photo, requested again after every attack."""

    def __init__(self, service: Service, photo: bytes) -> None:
        self._service, self._photo = service, photo
        self._started = http_process(service).create_time()
        self._prediction = self._predict()

    def require_unharmed(self) -> None:
        """Fail unless the same process is live and predicts the photo as before."""
        assert requests.get(f"{self._service.url}/live", timeout=5).status_code == 200
        assert self._predict() == self._prediction
        assert http_process(self._service).create_time() == self._started

    def _predict(self) -> Any:
        response = requests.post(f"{self._service.url}/predict", data=self._photo, timeout=10)
        assert response.status_code == 200, response.text
        return response.json()
