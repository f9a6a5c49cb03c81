"""gunicorn's worker: one loop that waits for all callers, and threads that wait for none.

The loop receives until a request is whole; a thread then answers it, and what the caller does not take at once, the
loop sends. So a caller that is slow, or stops in the middle, costs a connection and no thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from gunicorn.workers.base import Worker

from services.web import exchange
from services.web.connection import Bounds, Connection, State
from services.web.direct import Direct
from services.web.faults import Overloaded, Stopping
from services.web.logs import flush_logs
from services.web.problems import InternalError, Problem, log_unforeseen
from services.web.receiver import Arrival, Receiver

log = logging.getLogger(__name__)

# How often the loop looks whose time is over.
SWEEP_SECONDS: Final = 0.25
ACCEPT_AT_ONCE: Final = 64
# While there is no place, requests are refused in batches: each by itself would find the processor's caches full of the
# model, and push the model out of them. At five times the load, that is 7 % of what is answered.
BATCH_SECONDS: Final = 0.01
# File descriptors left to everything but connections.
SPARE_FILES: Final = 16
# Cloud Run kills a container 10 s after it was told to stop; gunicorn's arbiter kills the worker after STOP_SECONDS.
STOP_SECONDS: Final = 8
DRAIN_SECONDS: Final = 6.5
# Requests that callers were sending on idle connections when the word to stop came.
FAREWELL_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Call:
    connection: Connection
    arrival: Arrival
    environ: exchange.Environ


class LoopWorker(Worker):
    """Serves with `bounds`, in as many threads as gunicorn is told."""

    bounds = Bounds()
    alive: bool
    wsgi: exchange.Application  # type: ignore[assignment]  # the stubs are narrower than what is called

    def run(self) -> None:
        """Serve until SIGTERM, or until the arbiter is no more; then answer what was accepted."""
        self._poller = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._held = 0
        self._lock = threading.Lock()
        self._resumed: deque[Connection] = deque()
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._refusal_of = self.wsgi.at_the_door if isinstance(self.wsgi, Direct) else _nothing
        self._refused = False
        self._swept = 0.0
        self._turns = 0
        self._address = self.sockets[0].getsockname()[:2]
        self._accepting = False
        self._most = min(self.bounds.connections, max(8, _free_files() - SPARE_FILES))
        self._poller.register(self.PIPE[0], selectors.EVENT_READ, self._woken)
        self._start_threads()
        self._accept_from_now(True)
        while self.alive:
            self._turn()
        self._drain()

    def _start_threads(self) -> None:
        for number in range(self.cfg.threads):
            try:
                threading.Thread(target=self._answer_calls, name=f"answers-{number}", daemon=True).start()
            except RuntimeError:
                log.error("the system gives %d threads of the %d wanted", number, self.cfg.threads)
                if number == 0:
                    raise
                return

    def account(self, change: int) -> int:
        with self._lock:
            self._held += change
            return self._held

    def watch(self, connection: Connection, events: int) -> None:
        sock = connection.sock
        watched = sock in self._poller.get_map()
        if events and watched:
            self._poller.modify(sock, events, connection.ready)
        elif events:
            self._poller.register(sock, events, connection.ready)
        elif watched:
            self._poller.unregister(sock)

    def call(self, connection: Connection, arrival: Arrival) -> None:
        environ = self._environment(connection, arrival)
        # From now on the body is the application's alone, to let go of when it can.
        arrival.body = b""
        if refusal := self._refusal_of(environ):
            self._refused = True
            data, keep = exchange.answer(refusal, self.cfg, arrival.request, environ, closing=not self.alive)
            connection.answer(data, keep=keep)
        else:
            self._calls.put(_Call(connection, arrival, environ))

    def soon(self, connection: Connection) -> None:
        self._resumed.append(connection)
        self._wake()

    def forget(self, connection: Connection) -> None:
        self.watch(connection, 0)
        self._connections.pop(connection.sock.fileno(), None)

    def _turn(self) -> None:
        """Wait for what happens next, and see to it."""
        self._turns += 1
        if self._refused:
            self._refused = False
            time.sleep(BATCH_SECONDS)
        for key, events in self._poller.select(SWEEP_SECONDS):
            _whatever_happens(key.data, events)
        while self._resumed:
            _whatever_happens(self._resumed.popleft().resume)
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if connection.until <= now and connection.state is not State.ANSWERING:
                _whatever_happens(connection.expire)
        # Without its arbiter, nobody would ever stop this process.
        self.alive = self.alive and self.ppid == os.getppid()
        if self.alive:
            self._accept_from_now(True)

    def _woken(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)

    def _wake(self) -> None:
        # A pipe that is full wakes the loop as well.
        with contextlib.suppress(BlockingIOError):
            os.write(self.PIPE[1], b".")

    def _accept_from_now(self, accepting: bool) -> None:
        if accepting is not self._accepting:
            self._accepting = accepting
            for listener in self.sockets:
                if accepting:
                    self._poller.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
                else:
                    self._poller.unregister(listener)

    def _accept(self, listener: Any, _events: int = 0) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, peer = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Out of files or memory: the sweep tries again, and until then callers wait where they are.
                self._accept_from_now(False)
                return
            self._take_in(sock, peer)

    def _take_in(self, sock: socket.socket, peer: Any) -> None:
        full = len(self._connections) >= self._most and not self._let_one_go()
        connection = Connection(sock, peer, self, Receiver(self.cfg, peer, self.bounds.body))
        connection.accepted = self._turns
        self._connections[sock.fileno()] = connection
        self.watch(connection, selectors.EVENT_READ)
        if full:
            connection.linger_seconds = SWEEP_SECONDS
            connection.refuse(Overloaded("The service has as many connections as it can hold; try again in a moment."))

    def _let_one_go(self) -> bool:
        """Close the connection that has been idle longest, if any is."""
        # What those sent that came in this turn or the last may not have been read yet.
        known = [connection for connection in self._connections.values() if connection.accepted < self._turns - 1]
        idle = [connection for connection in known if connection.idle]
        if idle:
            min(idle, key=lambda connection: connection.since).close()
        return bool(idle)

    def _environment(self, connection: Connection, arrival: Arrival) -> exchange.Environ:
        return exchange.environment(arrival, connection.peer, self._address, time.monotonic(), connection.gone)

    def _answer_calls(self) -> None:
        while True:
            call = self._calls.get()
            try:
                data, keep = self._answered(call)
                call.connection.answer(data, keep=keep)
            except Exception as err:
                log_unforeseen(err)
                call.connection.answer(b"", keep=False)
            # Its body is not kept until the next call comes.
            del call

    def _answered(self, call: _Call) -> tuple[bytes, bool]:
        closing = call.arrival.fault is not None or not self.alive
        try:
            return exchange.answer(self.wsgi, self.cfg, call.arrival.request, call.environ, closing=closing)
        except Exception as err:
            log_unforeseen(err)
            return self._refusal(
                call, InternalError("The service failed on this request; it is not your fault.")
            ), False

    def _refusal(self, call: _Call, fault: Problem) -> bytes:
        return exchange.refusal(self.wsgi, self.cfg, call.arrival, call.environ, fault)

    def _drain(self) -> None:
        """Answer what was accepted, and refuse what cannot be answered in time."""
        self.alive = False
        until = time.monotonic() + DRAIN_SECONDS
        for listener in self.sockets:
            self._accept(listener)
        self._accept_from_now(False)
        for listener in self.sockets:
            listener.close()
        for connection in self._connections.values():
            if connection.idle:
                connection.until = min(connection.until, time.monotonic() + FAREWELL_SECONDS)
        while self._connections and time.monotonic() < until:
            self._turn()
        for connection in list(self._connections.values()):
            if arrival := connection.unanswered:
                fault = Stopping("The service is stopping; try again in a moment.")
                data = self._refusal(_Call(connection, arrival, self._environment(connection, arrival)), fault)
                connection.answer(data, keep=False)
        stuck = time.monotonic() >= until
        until = time.monotonic() + FAREWELL_SECONDS / 2
        while self._connections and time.monotonic() < until:
            self._turn()
        flush_logs(0.5)
        if stuck:
            # A thread that still works must not keep the process, nor fall over what the interpreter takes down.
            os._exit(0)


def _whatever_happens(step: Callable[..., object], *arguments: object) -> None:
    """One step of the loop: a failure is logged, and nobody else suffers from it."""
    try:
        step(*arguments)
    except Exception as err:
        log_unforeseen(err)


def _nothing(_environ: exchange.Environ) -> None:
    """What an application refuses at the door that has none."""


def _free_files() -> int:
    """How many more file descriptors this process may open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (sys.maxsize if most == resource.RLIM_INFINITY else most) - len(list(Path("/dev/fd").iterdir()))
