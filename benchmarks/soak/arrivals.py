"""A client whose requests come when they are due, whether the ones before were answered or not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

ANSWER_SECONDS: Final = 30.0
MOST_IN_FLIGHT: Final = 400

# What became of a request beside a status: it was never sent, since no connection could be made or the client had its
# hands full; its connection broke before the answer; or no answer came in ANSWER_SECONDS.
UNCONNECTED: Final = "unconnected"
UNSENT: Final = "unsent"
BROKEN: Final = "broken"
SILENT: Final = "silent"


@dataclass(frozen=True)
class Sent:
    """A request: when it began (monotonic), how many seconds it took, and a status with its code, or a word."""

    began: float
    seconds: float
    outcome: int | str
    code: str = ""

    @property
    def ended(self) -> float:
        return self.began + self.seconds


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Client:
    """Asks one address with photos in turn, on connections that are kept."""

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

    async def keep_asking(self, connections: int, seconds: float) -> None:
        """Closed loop: so many callers, each of whom asks again as soon as it is answered."""
        until = time.monotonic() + seconds

        async def caller() -> None:
            while time.monotonic() < until:
                await self._ask()

        await asyncio.gather(*(caller() for _ in range(connections)))

    async def ask_at(self, rate: float, seconds: float) -> None:
        """Open loop: `rate` requests per second, evenly, whatever becomes of them."""
        began = time.monotonic()
        running: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            wait = began + number / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._ask())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _ask(self) -> None:
        began = time.monotonic()
        if self._in_flight >= MOST_IN_FLIGHT:
            self.sent.append(Sent(began, 0.0, UNSENT))
            return
        self._in_flight += 1
        code = ""
        outcome: int | str
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._connection() as (reader, writer):
                writer.write(next(self._requests))
                outcome, code = await _answer(reader)
        except _NoConnection:
            outcome = UNCONNECTED
        except TimeoutError:
            outcome = SILENT
        except (OSError, asyncio.IncompleteReadError, ValueError):
            outcome = BROKEN
        finally:
            self._in_flight -= 1
        self.sent.append(Sent(began, time.monotonic() - began, outcome, code))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        while self._idle and self._idle[-1][0].at_eof():
            self._idle.pop()[1].close()
        if self._idle:
            connection = self._idle.pop()
        else:
            try:
                connection = await asyncio.open_connection(self.host, self.port)
            except OSError as err:
                raise _NoConnection from err
        try:
            yield connection
        except BaseException:
            connection[1].close()
            raise
        self._idle.append(connection)

    async def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in self._idle:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()


class _NoConnection(Exception):
    pass


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    """The status, and a problem's code; raises ValueError for an answer without a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, found, rest = head.partition("\r\ncontent-length:")
    if not found:
        raise ValueError("an answer without a length")
    body = await reader.readexactly(int(rest.partition("\r\n")[0]))
    status = int(head.split(" ", 2)[1])
    if status < 400:
        return status, ""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return status, str(json.loads(body)["code"])
    return status, ""
