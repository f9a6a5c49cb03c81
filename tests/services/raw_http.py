"""HTTP by hand: bytes out, whatever comes back in, and what must never be among it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from tests.running import Service

# What no answer, header or log line may hold: traces of code, of memory, of places, of pictures.
INDISCRETIONS = re.compile(
    rb"Traceback|File \\?\"|0x[0-9a-f]{6}|<_io|<class|object at|site-packages|/services/|/tmp/|169\.254\."
    rb"|metadata\.google|\\xff\\xd8|\\u00ff\\u00d8|JFIF|Exception|[a-z]Error\b"
)


@dataclass(frozen=True)
class Reply:
    """One answer of several that may have come on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's."""
        assert self.headers["content-type"] == "application/problem+json", self
        code: str = self.json["code"]
        return code


@dataclass(frozen=True)
class Talk:
    """All answers that came on one connection, and whether the other side closed it."""

    replies: list[Reply]
    closed: bool
    seconds: float
    raw: bytes

    @property
    def statuses(self) -> list[int]:
        return [reply.status for reply in self.replies]


def connection(service: Service, seconds: float = 10) -> socket.socket:
    """A bare connection to the service."""
    parts = urlsplit(service.url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), seconds)


def talk(service: Service, *pieces: bytes, finish: bool = True, seconds: float = 10) -> Talk:
    """Send the pieces and read until the service closes; `finish` says that no more will come."""
    began = time.monotonic()
    with connection(service, seconds) as sock:
        # The service may close before it has read everything.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
            if finish:
                sock.shutdown(socket.SHUT_WR)
        received, closed = received_until_close(sock)
    return Talk(replies(received), closed, time.monotonic() - began, received)


def received_until_close(sock: socket.socket) -> tuple[bytes, bool]:
    """What came, and whether the end came too before the socket's time-out."""
    received = b""
    try:
        while piece := sock.recv(1 << 16):
            received += piece
    except TimeoutError:
        return received, False
    except ConnectionError:
        pass
    return received, True


def replies(received: bytes) -> list[Reply]:
    """The answers in what came, 100 Continue among them; their bodies all have a length."""
    found: list[Reply] = []
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        assert end, received
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        found.append(Reply(int(status.split()[1]), headers, rest[:length]))
        received = rest[length:]
    return found


def head(method: str = "POST", target: str = "/predict", **headers: str) -> bytes:
    """A request's head; `content_length` becomes Content-Length."""
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in {"host": "x", **headers}.items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def http_process(service: Service) -> psutil.Process:
    """The process that speaks HTTP."""
    return psutil.Process(service.process.pid)


def require_discretion(*texts: bytes | str) -> None:
    """Fail if anything in the texts tells what strangers must not be told."""
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        found = INDISCRETIONS.search(data)
        assert not found, f"{found} in {data[:2000]!r}"


def require_log_lines(service: Service) -> list[dict[str, Any]]:
    """The log: one JSON object per line, and discreet."""
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(line, dict) and {"severity", "time", "message"} <= line.keys() for line in lines)
    require_discretion(text)
    return lines


class Reference:
    """What a good photo is answered with, asked again after every attack."""

    def __init__(self, service: Service, photo: bytes) -> None:
        self._service, self._photo = service, photo
        self._started = http_process(service).create_time()
        self._answer = self._predict()

    def require_unharmed(self) -> None:
        """The same process is live within a second, and answers the good photo as before."""
        began = time.monotonic()
        assert requests.get(f"{self._service.url}/live", timeout=5).status_code == 200
        assert time.monotonic() - began < 1
        assert self._predict() == self._answer
        assert http_process(self._service).create_time() == self._started

    def _predict(self) -> Any:
        answer = requests.post(f"{self._service.url}/predict", data=self._photo, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()
