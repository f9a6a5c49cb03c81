"""gunicorn's worker: one loop that waits for all callers, and threads that wait for none.

The loop receives until a request is whole, has it answered, and sends the answer as the caller takes it. So a caller
that is slow, or stops in the middle, costs a connection and no thread.
"""

from __future__ import annotations

import os
import resource
import selectors
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from gunicorn.workers.base import Worker

from services.web import exchange
from services.web.connection import Bounds, Connection, State
from services.web.direct import Direct
from services.web.faults import Overloaded, Stopping
from services.web.logs import flush_logs
from services.web.loop import SWEEP_SECONDS, Loop, drained, whatever_happens
from services.web.problems import InternalError, Problem, log_unforeseen
from services.web.receiver import Arrival, Receiver

ACCEPT_AT_ONCE: Final = 64
# File descriptors left to everything but connections.
SPARE_FILES: Final = 16
# Cloud Run kills a container 10 s after it was told to stop; gunicorn's arbiter kills the worker after STOP_SECONDS.
STOP_SECONDS: Final = 8
DRAIN_SECONDS: Final = 6.5
# Requests that callers were sending on idle connections when the word to stop came.
FAREWELL_SECONDS: Final = 1.0


class LoopWorker(Worker):
    """Serves with `bounds`, in as many threads as gunicorn is told."""

    bounds = Bounds()
    alive: bool
    app: Any
    wsgi: exchange.Application  # type: ignore[assignment]  # the stubs are narrower than what is called

    def run(self) -> None:
        """Serve until SIGTERM, or until the arbiter is no more; then answer what was accepted."""
        self._loop: Loop = self.app.loop
        self._direct = self.wsgi if isinstance(self.wsgi, Direct) else None
        self._connections: dict[int, Connection] = {}
        self._held = 0
        self._turns = 0
        self._address = self.sockets[0].getsockname()[:2]
        self._accepting = False
        self._most = min(self.bounds.connections, max(8, _free_files() - SPARE_FILES))
        self._loop.watch(self.PIPE[0], selectors.EVENT_READ, partial(drained, self.PIPE[0]))
        self._loop.every_sweep(self._sweep)
        self._loop.start_threads(self.cfg.threads)
        self._accept_from_now(True)
        while self.alive:
            self._turn()
        self._drain()

    def account(self, change: int) -> int:
        self._held += change
        return self._held

    def watch(self, connection: Connection, events: int) -> None:
        self._loop.watch_caller(connection.sock, events, connection.ready)

    def call(self, connection: Connection, arrival: Arrival) -> None:
        environ = self._environment(connection, arrival)
        # From now on the body is the application's alone, to let go of when it can.
        arrival.body = b""
        self._loop.start(self._answer(connection, arrival, environ))

    def soon(self, connection: Connection) -> None:
        self._loop.soon(connection.resume)

    def forget(self, connection: Connection) -> None:
        self._connections.pop(connection.sock.fileno(), None)

    def _turn(self) -> None:
        self._turns += 1
        self._loop.turn()

    def _sweep(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if connection.until <= now and connection.state is not State.ANSWERING:
                whatever_happens(connection.expire)
        # Without its arbiter, nobody would ever stop this process.
        self.alive = self.alive and self.ppid == os.getppid()
        if self.alive:
            self._accept_from_now(True)

    def _accept_from_now(self, accepting: bool) -> None:
        if accepting is not self._accepting:
            self._accepting = accepting
            for listener in self.sockets:
                self._loop.watch_caller(
                    listener, selectors.EVENT_READ if accepting else 0, partial(self._accept, listener)
                )

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

    async def _answer(self, connection: Connection, arrival: Arrival, environ: exchange.Environ) -> None:
        try:
            data, keep = await self._answered(arrival, environ)
        except Exception as err:
            log_unforeseen(err)
            fault = InternalError("The service failed on this request; it is not your fault.")
            data, keep = self._refusal(arrival, environ, fault), False
        connection.answer(data, keep=keep)

    async def _answered(self, arrival: Arrival, environ: exchange.Environ) -> tuple[bytes, bool]:
        if self._direct and self._direct.takes(environ):
            reply = await self._direct.answered(environ)
            return exchange.encoded(reply, arrival.request, closing=self._closing(arrival))
        return await self._loop.elsewhere(partial(self._from_wsgi, arrival, environ))

    def _from_wsgi(self, arrival: Arrival, environ: exchange.Environ) -> tuple[bytes, bool]:
        closing = self._closing(arrival)
        return exchange.answer(self.wsgi, self.cfg, arrival.request, environ, closing=closing)

    def _closing(self, arrival: Arrival) -> bool:
        return arrival.fault is not None or not self.alive

    def _refusal(self, arrival: Arrival, environ: exchange.Environ, fault: Problem) -> bytes:
        """The answer to a request that is refused, after which the connection closes."""
        environ = environ | {exchange.FAULT: fault}
        try:
            if self._direct and self._direct.takes(environ):
                return exchange.encoded(self._direct.refused(environ), arrival.request, closing=True)[0]
            return exchange.answer(self.wsgi, self.cfg, arrival.request, environ, closing=True)[0]
        except Exception as err:
            log_unforeseen(err)
            return b""

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
                environ = self._environment(connection, arrival)
                connection.answer(self._refusal(arrival, environ, fault), keep=False)
        stuck = time.monotonic() >= until
        until = time.monotonic() + FAREWELL_SECONDS / 2
        while self._connections and time.monotonic() < until:
            self._turn()
        flush_logs(0.5)
        if stuck:
            # A thread that still works must not keep the process, nor fall over what the interpreter takes down.
            os._exit(0)


def _free_files() -> int:
    """How many more file descriptors this process may open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (sys.maxsize if most == resource.RLIM_INFINITY else most) - len(list(Path("/dev/fd").iterdir()))
