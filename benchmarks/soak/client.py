"""An HTTP client that sends requests at a fixed rate, whether or not earlier ones got a response."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

RESPONSE_SECONDS: Final = 30.0
MOST_IN_FLIGHT: Final = 400

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Failure(StrEnum):
    """Why a request got no response."""

    UNCONNECTED = "unconnected"
    UNSENT = "unsent"  # MOST_IN_FLIGHT requests were in flight
    BROKEN = "broken"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Sent:
    """A request: its start (monotonic), its duration, and the status with the problem's code, or a failure."""

    began: float
    seconds: float
    outcome: int | Failure
    code: str = ""

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    @property
    def ok(self) -> bool:
        return self.outcome == 200


class _NoConnection(Exception):
    pass


@dataclass
class Client:
    """Posts the photos in turn to one route, on kept connections; `sent` records every request."""

    host: str
    port: int
    path: str
    headers: dict[str, str]
    photos: Sequence[bytes]
    sent: list[Sent] = field(default_factory=list)
    _idle: list[Connection] = field(default_factory=list)
    _in_flight: int = 0

    def __post_init__(self) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: image/jpeg\r\n{lines}"
        requests = [f"{head}Content-Length: {len(photo)}\r\n\r\n".encode() + photo for photo in self.photos]
        self._requests = itertools.cycle(requests)

    async def closed_loop(self, connections: int, seconds: float) -> None:
        """Each connection sends its next request when it gets a response."""
        until = time.monotonic() + seconds

        async def caller() -> None:
            while time.monotonic() < until:
                await self._send()

        await asyncio.gather(*(caller() for _ in range(connections)))

    async def open_loop(self, rate: float, seconds: float) -> None:
        """Send `rate` requests per second, evenly spaced."""
        began = time.monotonic()
        running: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._send())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()

    async def _send(self) -> None:
        began = time.monotonic()
        if self._in_flight >= MOST_IN_FLIGHT:
            self.sent.append(Sent(began, 0.0, Failure.UNSENT))
            return
        self._in_flight += 1
        code = ""
        outcome: int | Failure
        try:
            async with asyncio.timeout(RESPONSE_SECONDS), self._connection() as (reader, writer):
                writer.write(next(self._requests))
                outcome, code = await read_response(reader)
        except _NoConnection:
            outcome = Failure.UNCONNECTED
        except TimeoutError:
            outcome = Failure.TIMEOUT
        except (OSError, asyncio.IncompleteReadError, ValueError):
            outcome = Failure.BROKEN
        finally:
            self._in_flight -= 1
        self.sent.append(Sent(began, time.monotonic() - began, outcome, code))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        while self._idle and self._idle[-1][0].at_eof():
            self._idle.pop()[1].close()
        try:
            connection = self._idle.pop() if self._idle else await asyncio.open_connection(self.host, self.port)
        except OSError as err:
            raise _NoConnection from err
        try:
            yield connection
        except BaseException:
            connection[1].close()
            raise
        self._idle.append(connection)


async def read_response(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The status and a problem's code; raises ValueError without a Content-Length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, found, rest = head.partition("\r\ncontent-length:")
    if not found:
        raise ValueError("a response without Content-Length")
    body = await reader.readexactly(int(rest.partition("\r\n")[0]))
    status = int(head.split(" ", 2)[1])
    if status >= 400:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return status, str(json.loads(body)["code"])
    return status, ""
