"""One caller's connection: what it is doing, and until when it may."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Protocol

from services.web.faults import BodyTimeout, Overloaded, RequestTimeout
from services.web.problems import Problem
from services.web.receiver import Arrival, Receiver

# After the last answer, what the caller still sends is read and dropped: a connection that is closed over unread
# bytes takes the answer down with it.
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 32 << 20
# A caller who sends much is read so often before others are looked at.
READS_AT_ONCE: Final = 4
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Bounds:
    """What callers may send, in bytes, and how many seconds they may take over it."""

    body: int = 1 << 16
    # All requests that are not whole yet, together.
    arriving: int = 1 << 26
    head_seconds: float = 10
    body_seconds: float = 30
    send_seconds: float = 30
    # Longer than the proxies in front keep a connection, so that they are the ones who close it.
    idle_seconds: float = 620
    connections: int = 1000


class State(Enum):
    RECEIVING = auto()
    ANSWERING = auto()
    SENDING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Server(Protocol):
    """What a connection needs of the loop that it belongs to."""

    bounds: Bounds

    def account(self, change: int) -> int:
        """Keep the sum of the bytes that all connections hold of unanswered requests, and tell it."""

    def watch(self, connection: Connection, events: int) -> None:
        """Be told of `events` from now on; 0 for none."""

    def call(self, connection: Connection, arrival: Arrival) -> None:
        """Have a request answered."""

    def soon(self, connection: Connection) -> None:
        """Have `resume` called after what is being done now."""

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""


class Connection:
    """Belongs to the loop's thread, but for `gone`."""

    def __init__(self, sock: socket.socket, peer: Any, server: Server, receiver: Receiver) -> None:
        sock.setblocking(False)
        self.sock, self.peer = sock, peer
        self.state = State.RECEIVING
        self.since = time.monotonic()
        self.until = self.since + server.bounds.head_seconds
        # The request that is being answered.
        self.unanswered: Arrival | None = None
        self._server, self._receiver = server, receiver
        self._ended = False
        self._watched = 0
        self._rest = b""
        self._keep = True
        self._size = 0
        self._swallowed = 0
        # The loop's turn in which it came.
        self.accepted = 0
        # Less, where connections are scarce.
        self.linger_seconds = LINGER_SECONDS
        self._watch(selectors.EVENT_READ)

    def gone(self) -> bool:
        """Whether the caller has left. Asked without waiting, from any thread."""
        return self._ended

    @property
    def idle(self) -> bool:
        """Whether nothing of a request is here."""
        return self.state is State.RECEIVING and not self._receiver.started

    def answer(self, data: bytes, *, keep: bool) -> None:
        """Send the answer to the request that was called; the first one counts."""
        if not self.unanswered or self.state is State.CLOSED:
            return
        self.unanswered = None
        self._account(0)
        self.state, self._rest, self._keep = State.SENDING, data, keep
        self.since = time.monotonic()
        self.until = self.since + self._server.bounds.send_seconds
        self._send()

    def resume(self) -> None:
        """Go on with what came while the last request was being answered."""
        if self.state is State.RECEIVING:
            self._received(b"")
            if self._ended:
                self._finish()

    def ready(self, events: int) -> None:
        """The socket can be read or written."""
        if self.state is State.CLOSED:
            return
        if events & selectors.EVENT_WRITE:
            self._send()
            return
        for _ in range(READS_AT_ONCE):
            # The body is mostly here, too, when the head is.
            if not self._read() or self.state is not State.RECEIVING or not self._receiver.request:
                break

    def expire(self) -> None:
        """The time is over."""
        if self.state is not State.RECEIVING or not self._receiver.started:
            self.close()
        elif self._receiver.request:
            self.refuse(BodyTimeout("The body did not arrive in time."))
        else:
            self.refuse(RequestTimeout("The request did not arrive in time."))

    def refuse(self, fault: Problem) -> None:
        """Answer the fault in place of the request that is arriving, or may be."""
        self._call(Arrival(self._receiver.request, fault=fault))

    def close(self) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._account(0)
        self._watch(0)
        self._server.forget(self)
        self.sock.close()

    def _read(self) -> bool:
        """Take what has come; whether anything had."""
        try:
            data = self.sock.recv(self._receiver.room)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
        elif self.state is State.RECEIVING:
            self._received(data)
        elif self.state is State.LINGERING:
            self._swallowed += len(data)
            if self._swallowed > LINGER_BYTES:
                self.close()
        else:
            self._receiver.hold(data)
            self._watch(0)
        return True

    def _finish(self) -> None:
        """No more will come: what was whole is being answered, what is not never will be."""
        if self.state is State.RECEIVING:
            fault = self._receiver.end()
            if fault:
                self._call(fault)
            else:
                self.close()

    def _received(self, data: bytes) -> None:
        receiver, bounds = self._receiver, self._server.bounds
        began, in_body = receiver.started, receiver.request is not None
        arrival = receiver.feed(data)
        if arrival is not None:
            self._call(arrival)
            return
        if receiver.request and not in_body:
            self.until = time.monotonic() + bounds.body_seconds
        elif receiver.started and not began:
            self.until = time.monotonic() + bounds.head_seconds
        if self._account(receiver.size) > bounds.arriving:
            self.refuse(Overloaded("The service is receiving as much as it can hold; try again in a moment."))
        elif receiver.awaited:
            self._say_continue()

    def _call(self, arrival: Arrival) -> None:
        self._account(len(arrival.body))
        self.state = State.ANSWERING
        self.unanswered = arrival
        self._server.call(self, arrival)

    def _say_continue(self) -> None:
        try:
            self.sock.send(CONTINUE)
        except OSError:
            self.close()

    def _account(self, size: int) -> int:
        """Say how many bytes this connection holds; how many all hold."""
        change, self._size = size - self._size, size
        return self._server.account(change) if change else 0

    def _send(self) -> None:
        """As much as the caller takes now."""
        try:
            self._rest = self._rest[self.sock.send(self._rest) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._rest:
            self._watch(selectors.EVENT_WRITE)
        elif self._keep:
            self.state = State.RECEIVING
            self.until = time.monotonic() + self._server.bounds.idle_seconds
            self._watch(0 if self._ended else selectors.EVENT_READ)
            if self._receiver.started or self._ended:
                self._server.soon(self)
        else:
            self._linger()

    def _end(self) -> None:
        """The caller sends no more, or has left."""
        self._ended = True
        self._watch(0)
        if self.state is State.LINGERING:
            self.close()
        else:
            self.resume()

    def _linger(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        if self._ended:
            self.close()
            return
        self.state = State.LINGERING
        self.until = time.monotonic() + self.linger_seconds
        self._watch(selectors.EVENT_READ)

    def _watch(self, events: int) -> None:
        if events != self._watched:
            self._watched = events
            self._server.watch(self, events)
