"""Requests as they are written: nothing normalises a path or a header on the way to the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The gateway's own words."""
        assert self.headers["content-type"] == "application/json"
        said = self.json
        assert set(said) == {"code", "message"}
        assert said["code"] == self.status
        message: str = said["message"]
        return message


def ask(port: int, line: str, headers: Headers = (), body: bytes | None = None, timeout: float = 20) -> Answer:
    """`ask(8080, "GET /v1/models")` on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return ask_on(connection, line, headers, body)
    finally:
        connection.close()


def ask_on(connection: HTTPConnection, line: str, headers: Headers = (), body: bytes | None = None) -> Answer:
    method, _, target = line.partition(" ")
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    # A gateway that refuses a body early may close before all of it is written; its answer is there all the same.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.endheaders(body)
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
