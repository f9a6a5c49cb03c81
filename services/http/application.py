"""The ASGI application of a service: Flask's routes, at most one fast route in front of them, and what all share.

Flask runs in threads and takes 0.5 ms more per request, beside a network that fills the processor's caches: so the
one route whose every millisecond counts is a coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from flask import Flask

from services.http.limits import Limits
from services.http.problems import Problem, Stopping, problem_document, problem_of
from services.http.request import BodyReader, Message, Receive, Request, Scope, Send, checked_headers
from services.http.request_log import Header, RequestRecord, common_headers

# After a response before the request was read: a connection that closes over unread bytes is reset, and the response
# lost. So what the caller still sends is dropped first, until it pauses.
LINGER_SECONDS: Final = 2.0
LINGER_PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Response:
    """A whole response."""

    status: HTTPStatus
    content_type: bytes
    body: bytes
    headers: list[Header] = field(default_factory=list)
    # The Server-Timing header, which is logged too.
    timing: str = ""


@dataclass(frozen=True)
class FastRoute:
    """`view` answers requests of `method` to `path`, by an exception where something is wrong."""

    method: str
    path: str
    view: Callable[[Request], Awaitable[Response]]


class Application:
    """Serves `flask`, and `fast_route` in front of it; browsers may call from `origins`."""

    def __init__(
        self, flask: Flask, *, limits: Limits, origins: str, threads: int, fast_route: FastRoute | None = None
    ) -> None:
        self._fast_route = fast_route
        self._headers = common_headers(origins)
        self._bodies = BodyReader(limits)
        self._flask: Any = WSGIMiddleware(flask.wsgi_app, workers=threads)  # type: ignore[arg-type]  # its own types

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, by ASGI; the server sends no other kind of scope."""
        record = RequestRecord.begin(scope)
        state = scope["state"]
        fast = self._fast_route
        if fast and scope["path"] == fast.path and scope["method"] == fast.method:
            record.route = fast.path
        else:
            fast = None
        try:
            headers = checked_headers(scope)
            if state["problem"]:
                raise state["problem"]
            body = await self._bodies.read(scope, headers, receive)
            if fast:
                arrived = asyncio.get_running_loop().time()
                response = await fast.view(Request(headers, scope["query_string"], body, arrived, state["gone"]))
                await self._respond(response, record, send)
            else:
                await self._respond_by_flask(scope, body, record, send)
            record.end()
        except asyncio.CancelledError:
            await self._refuse(Stopping("The service is stopping; try again in a moment."), record, receive, send)
        except Exception as error:
            await self._refuse(problem_of(error), record, receive, send)

    async def _respond_by_flask(self, scope: Scope, body: bytes, record: RequestRecord, send: Send) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        start: list[Message] = []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], *self._headers, _request_id(record)]
                # Kept until the body comes, to leave in the same packet.
                start.append(message)
                return
            while start:
                await send(start.pop())
            await send(message)

        scope["state"]["record"] = record
        # WSGI would not tell `X_Api_Key` from `X-Api-Key`.
        scope["headers"] = [header for header in scope["headers"] if b"_" not in header[0]]
        await self._flask(scope, receive, send_with_headers)

    async def _respond(self, response: Response, record: RequestRecord, send: Send, *, more: bool = False) -> None:
        record.status, record.timing = response.status, response.timing
        timing = [(b"server-timing", response.timing.encode())] if response.timing else []
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", str(len(response.body)).encode()),
            (b"cache-control", b"no-store"),
            _request_id(record),
            *self._headers,
            *response.headers,
            *timing,
        ]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": more})

    async def _refuse(self, problem: Problem, record: RequestRecord, receive: Receive, send: Send) -> None:
        if record.status:
            # The response has begun; the server closes the connection over it.
            return
        record.code = problem.code
        headers = [*problem.headers]
        if problem.retry_after is not None:
            headers.append((b"retry-after", str(problem.retry_after).encode()))
        if problem.closes:
            headers.append((b"connection", b"close"))
        body = problem_document(problem, record.request_id)
        response = Response(problem.status, b"application/problem+json", body, headers)
        await self._respond(response, record, send, more=problem.closes)
        record.end()
        if problem.closes:
            await _linger(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
    """Drop what the caller still sends, until it pauses or leaves."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await asyncio.wait_for(receive(), LINGER_PAUSE_SECONDS))["type"] != "http.disconnect":
                pass


def _request_id(record: RequestRecord) -> Header:
    return b"x-request-id", record.request_id.encode()
