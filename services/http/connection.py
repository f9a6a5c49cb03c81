"""uvicorn's HTTP/1.1 connection, with limits on the number of connections, the size of a head, and stalls.

uvicorn reads and writes HTTP. It would respond to invalid requests itself, in plain text; here they go to the
application as `scope["state"]["problem"]` instead, so that every error is problem+json and is logged.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.http.limits import Limits
from services.problems import (
    BodyMalformed,
    BodyTimeout,
    ConnectionRefused,
    HeadersTooLarge,
    Problem,
    RequestMalformed,
    RequestTimeout,
    UriTooLong,
)

GRACE_SECONDS = 1.0
UVLOOP_BUFFER = 256_000
CHUNKED_READ = 1 << 15
# Parsed in place of a request that is refused before its head is complete.
REFUSED = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One caller's connection."""

    cycle: Any
    transport: Any

    def __init__(self, *, limits: Limits, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._in_head = False
        self._head_bytes = 0
        self._since = self.loop.time()
        self._all_sent = self._since
        self._problem: Problem | None = None
        self._ended = False
        self._stopping = False

    @property
    def responding(self) -> bool:
        """Whether the body of a request is being received, or its response is not yet complete."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def idle(self) -> bool:
        """Whether the connection is open and has no request, not even part of one."""
        return not (self.responding or self._in_head or self._problem or self.transport.is_closing())

    def gone(self) -> bool:
        """Whether the caller has closed its side; most have disconnected then, a few still read."""
        return self._ended or bool(self.transport.is_closing())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn annotates a narrower type
        if len(self.connections) > self._limits.connections and not self._make_room():
            self._refuse(ConnectionRefused("The service holds as many connections as it can; try again in a moment."))

    def data_received(self, data: bytes) -> None:
        if self._problem:
            return
        # While a body is being received, the data begins with the rest of it.
        all_head = self._in_head or not self.responding
        super().data_received(data)
        if self._in_head and all_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head:
                self._refuse(HeadersTooLarge(f"The head of the request is larger than {self._limits.head:,} bytes."))
        if len(data) >= UVLOOP_BUFFER and not self.flow.read_paused:
            # libuv would read on at once, and nothing else would run.
            self.flow.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        # As uvicorn does: not while another request or much of a body waits for the application.
        waits = self.pipeline or (self.responding and len(self.cycle.body) > HIGH_WATER_LIMIT)
        if not (waits or self.transport.is_closing()):
            self.flow.resume_reading()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's never keeps the connection
        """Returns True to keep the connection open while a response is outstanding."""
        self._ended = True
        if self.responding and self.cycle.more_body:
            self._refuse(BodyMalformed("The body ended early."))
        if self.responding:
            self.cycle.keep_alive = False
        return self.responding

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._since = self.loop.time()
        self.scope["state"] |= {"gone": self.gone, "problem": self._problem}

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.target:
            raise UriTooLong("The URL of the request is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            # Ignore trailers; they must not become headers.
            return
        if len(self.headers) >= self._limits.headers or len(name) + len(value) + len(b": \r\n") > self._limits.header:
            raise HeadersTooLarge("The request has too many headers, or one that is too long.")
        super().on_header(name, value)
        if self.headers[-1][0] == b"transfer-encoding":
            # Chunks may be of one byte: parse few at a time.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNKED_READ)

    def on_headers_complete(self) -> None:
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        if has_body and self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            # The parser would not read the body.
            raise RequestMalformed("This service speaks HTTP/1.1 only; send the request without its Upgrade header.")
        super().on_headers_complete()
        self._in_head, self._since = False, self.loop.time()
        if self._stopping or self._ended or self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if not self.cycle.body:
            # Without copying it into uvicorn's bytearray.
            self.cycle.body, body = body, b""
        super().on_body(body)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn while it handles an exception of the parser."""
        error = sys.exception()
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(cause, Problem):
            self._refuse(cause)
        elif self._in_head or not self.responding:
            self._refuse(RequestMalformed("The request is not valid HTTP/1.1."))
        else:
            self._refuse(BodyMalformed("The body is not valid chunked transfer coding."))

    def shutdown(self) -> None:
        """Finish the current request; close an idle connection after GRACE_SECONDS."""
        self._stopping = True
        if self.responding:
            super().shutdown()
        else:
            self.loop.call_later(GRACE_SECONDS, super().shutdown)

    def enforce_time_limits(self, now: float) -> None:
        """Called several times a second; `now` is by the loop's clock."""
        if not self.transport.get_write_buffer_size():
            self._all_sent = now
        elif now - self._all_sent > self._limits.send_seconds:
            self.transport.abort()
        if self._problem or self.transport.is_closing():
            return
        quiet = now - self._since
        if self._in_head and quiet > self._limits.head_seconds:
            self._refuse(RequestTimeout("The request did not arrive in time."))
        elif self.responding and self.cycle.more_body and quiet > self._limits.body_seconds:
            self._refuse(BodyTimeout("The body did not arrive in time."))
        elif self.idle and quiet > (self._limits.idle_seconds if self.cycle else self._limits.head_seconds):
            self.transport.close()

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest, else the one whose head takes longest, if there is one."""
        # What a new connection sent in its first moments may not have been read yet.
        settled = self.loop.time() - 0.05
        others = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        idle = [one for one in others if one.idle and (one.cycle or one._since < settled)]
        slow = [one for one in others if one._in_head and not one.responding and one._since < settled]
        if closed := min(idle or slow, key=lambda one: one._since, default=None):
            closed.transport.abort()
        return closed is not None

    def _refuse(self, problem: Problem) -> None:
        """Respond with `problem` to the request that is being received, and ignore what follows it."""
        if self._problem:
            return
        self._problem = problem
        if self.responding and not self._in_head:
            # The application is reading the body and checks for this.
            self.cycle.scope["state"]["problem"] = problem
            self.cycle.message_event.set()
            return
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(REFUSED)
