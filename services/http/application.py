"""The ASGI application of a service: Flask's routes, fast routes in front of them, and what they share.

Flask runs in threads and adds about 0.5 ms to a request while the network occupies the CPU caches, so the route with
most of the traffic is a coroutine instead; so are the routes of other prediction protocols.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from flask import Flask

from services.http.limits import Limits
from services.http.request import BodyReader, Message, Receive, Request, Scope, Send, checked_headers
from services.http.request_log import Header, RequestRecord, common_headers
from services.problems import Problem, RequestMalformed, Stopping, problem_document, problem_headers, problem_of

# Closing a connection with unread bytes resets it, and the response is lost. So after refusing a request early, drop
# what the caller still sends until it pauses.
LINGER_SECONDS: Final = 2.0
LINGER_PAUSE_SECONDS: Final = 0.5
PROBES: Final = {"/live", "/ready"}


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: HTTPStatus
    content_type: bytes
    body: bytes
    headers: list[Header] = field(default_factory=list)
    # The Server-Timing header, which is logged too.
    timing: str = ""


View = Callable[[Request], Awaitable[Response]]


class Application:
    """Sends a request to the view of its method and path in `fast`, or else to `flask`.

    Browsers may call from `origins`. If `only_host` is set, requests for other hosts are refused, except for PROBES.
    """

    def __init__(
        self,
        flask: Flask,
        *,
        limits: Limits,
        origins: str,
        threads: int,
        fast: Mapping[tuple[str, str], View] | None = None,
        only_host: str = "",
    ) -> None:
        self._fast, self._only_host = fast or {}, only_host.encode()
        self._headers = common_headers(origins)
        self._bodies = BodyReader(limits)
        self._flask: Any = WSGIMiddleware(flask.wsgi_app, workers=threads)  # type: ignore[arg-type]  # its own types

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. The server is configured to send HTTP scopes only."""
        record = RequestRecord.begin(scope)
        if view := self._fast.get((scope["method"], scope["path"])):
            record.route = scope["path"]
        try:
            headers = checked_headers(scope)
            if problem := scope["state"]["problem"]:
                raise problem
            host = headers.get(b"host", b"").partition(b":")[0]
            if self._only_host not in (b"", host) and scope["path"] not in PROBES:
                raise RequestMalformed("This service answers its gateway only.")
            body = await self._bodies.read(scope, headers, receive)
            if view:
                arrived = asyncio.get_running_loop().time()
                response = await view(Request(headers, scope["query_string"], body, arrived, scope["state"]["gone"]))
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

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], *self._headers, _request_id(record)]
            await send(message)

        scope["state"]["record"] = record
        # WSGI cannot distinguish `X_Api_Key` from `X-Api-Key`.
        scope["headers"] = [header for header in scope["headers"] if b"_" not in header[0]]
        await self._flask(scope, receive, send_with_headers)

    async def _respond(self, response: Response, record: RequestRecord, send: Send, *, more: bool = False) -> None:
        record.status, record.timing = response.status, response.timing
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", str(len(response.body)).encode()),
            (b"cache-control", b"no-store"),
            _request_id(record),
            *self._headers,
            *response.headers,
            *([(b"server-timing", response.timing.encode())] if response.timing else []),
        ]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": more})

    async def _refuse(self, problem: Problem, record: RequestRecord, receive: Receive, send: Send) -> None:
        if record.status:
            # The response has begun, so the server can only close the connection.
            return
        record.code = problem.code
        body = problem_document(problem, record.request_id)
        response = Response(problem.status, b"application/problem+json", body, problem_headers(problem))
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
