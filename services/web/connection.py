"""One caller's connection: what it is doing, and until when it may."""

from __future__ import annotations

import selectors
import socket
import threading
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
    # Whoever answered has left something to the loop.
    ANSWERED = auto()
    SENDING = auto()
    LINGERING = auto()
    CLOSED = auto()


class Server(Protocol):
    """What a connection needs of the loop that it belongs to."""

    bounds: Bounds

    def account(self, change: int) -> int:
        """Keep the sum of the bytes that all connections hold of unanswered requests, and tell it; from any thread."""

    def watch(self, connection: Connection, events: int) -> None:
        """Be told of `events` from now on; 0 for none."""

    def call(self, connection: Connection, arrival: Arrival) -> None:
        """Have a request answered."""

    def soon(self, connection: Connection) -> None:
        """Have `resume` called by the loop; from any thread."""

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""


class Connection:
    """Belongs to the loop's thread, but for `answer` and `gone`, which belong to whoever answers the request."""

    def __init__(self, sock: socket.socket, peer: Any, server: Server, receiver: Receiver) -> None:
        sock.setblocking(False)
        self.sock, self.peer = sock, peer
        self.state = State.RECEIVING
        self.since = time.monotonic()
        self.until = self.since + server.bounds.head_seconds
        self._server, self._receiver = server, receiver
        self._ended = False
        # Held from before an answer is sent until that is noted: its caller may be here again in between.
        self._answering = threading.Lock()
        self._unanswered: list[Arrival] = []
        self._rest = b""
        self._keep = True
        self._size = 0
        self._swallowed = 0
        # The loop's turn in which it came.
        self.accepted = 0
        # Less, where connections are scarce.
        self.linger_seconds = LINGER_SECONDS

    def gone(self) -> bool:
        """Whether the caller has left. Asked without waiting, from any thread."""
        return self._ended

    @property
    def idle(self) -> bool:
        """Whether nothing of a request is here."""
        with self._answering:
            return self.state is State.RECEIVING and not self._receiver.started

    @property
    def unanswered(self) -> Arrival | None:
        """The request that is being answered."""
        return self._unanswered[-1] if self._unanswered else None

    def answer(self, data: bytes, *, keep: bool) -> None:
        """Send the answer to the request that was called, from any thread and without waiting; the first one counts."""
        with self._answering:
            self._answer(data, keep)

    def resume(self) -> None:
        """Go on after an answer that left something to do."""
        if self.state is State.RECEIVING:
            if not self._ended:
                self._server.watch(self, selectors.EVENT_READ)
            self._received(b"")
            if self._ended:
                self._finish()
        elif self.state is State.ANSWERED:
            if self._rest:
                self.state = State.SENDING
                self.until = time.monotonic() + self._server.bounds.send_seconds
                self._server.watch(self, selectors.EVENT_WRITE)
            elif self._keep:
                self.state = State.RECEIVING
                self.until = time.monotonic() + self._server.bounds.idle_seconds
                self.resume()
            else:
                self._linger()

    def ready(self, events: int) -> None:
        """The socket can be read or written."""
        if self.state is State.CLOSED:
            return
        if events & selectors.EVENT_WRITE:
            self._send_rest()
            return
        try:
            data = self.sock.recv(self._receiver.room)
        except BlockingIOError:
            return
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
            self._server.watch(self, 0)
            self._look_again()

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
        self._server.forget(self)
        self.sock.close()

    def _answer(self, data: bytes, keep: bool) -> None:
        try:
            self._unanswered.pop()
        except IndexError:
            return
        self._account(0)
        # Before the caller can know of the answer: who comes after that is younger.
        self.since = time.monotonic()
        try:
            self._rest = data[self.sock.send(data) :]
        except BlockingIOError:
            self._rest = data
        except OSError:
            keep = False
        self._keep = keep
        if not keep or self._rest:
            self.state = State.ANSWERED
            self._server.soon(self)
            return
        self.until = self.since + self._server.bounds.idle_seconds
        self.state = State.RECEIVING
        # What the loop saw while it was not yet RECEIVING, it has left to us.
        if self._receiver.started or self._ended:
            self._server.soon(self)

    def _finish(self) -> None:
        """No more will come: what was whole is being answered, what is not never will be."""
        if self.state is State.RECEIVING:
            fault = self._receiver.end()
            if fault:
                self._call(fault)
            else:
                self.close()

    def _look_again(self) -> None:
        """After something was left to the thread that answers: it may have looked just before."""
        if self.state is State.RECEIVING:
            self.resume()

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
        self._unanswered.append(arrival)
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

    def _send_rest(self) -> None:
        try:
            self._rest = self._rest[self.sock.send(self._rest) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._rest:
            self.state = State.ANSWERED
            self.resume()

    def _end(self) -> None:
        """The caller sends no more, or has left."""
        self._ended = True
        if self.state is State.LINGERING:
            self.close()
        else:
            self._server.watch(self, 0)
            self._look_again()

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
        self._server.watch(self, selectors.EVENT_READ)
