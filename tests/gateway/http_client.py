"""An HTTP client that does not normalise paths or headers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Response:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The message of an error response of the gateway."""
        assert self.headers["content-type"] == "application/json"
        error = self.json
        assert set(error) == {"code", "message"}
        assert error["code"] == self.status
        message: str = error["message"]
        return message


def send(port: int, line: str, headers: Headers = (), body: bytes | None = None, timeout: float = 20) -> Response:
    """`send(8080, "GET /v1/models")` on a new connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return send_on(connection, line, headers, body)
    finally:
        connection.close()


def send_on(connection: HTTPConnection, line: str, headers: Headers = (), body: bytes | None = None) -> Response:
    method, _, target = line.partition(" ")
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    # A gateway that rejects a body early may close the connection before all of it is written, but has responded.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.endheaders(body)
    response = connection.getresponse()
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
