"""Run an ASGI application under uvicorn: one process, one event loop, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import os
import resource
import signal
import socket
import sys
from functools import partial
from typing import Final

import uvicorn

from services.environment import SettingsError
from services.http.application import Application
from services.http.connection import Connection
from services.http.limits import Limits
from services.logs import logging_to_stdout

# File descriptors reserved for everything but connections.
SPARE_FILES: Final = 64
# Cloud Run kills a container 10 s after SIGTERM.
DRAIN_SECONDS: Final = 6.5
LIMITS_EVERY_SECONDS: Final = 0.25


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening socket; raises SettingsError if it cannot listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as err:
        raise SettingsError(f"PORT: cannot listen on {host}:{port}: {os.strerror(err.errno or 0)}") from err


class Server(uvicorn.Server):
    """Enforces time limits; DRAIN_SECONDS after a stop, cancels the requests that have no response yet."""

    def __init__(self, app: Application, limits: Limits) -> None:
        affordable = max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
        limits = dataclasses.replace(limits, connections=min(limits.connections, affordable))
        config = uvicorn.Config(
            app,
            http=partial(Connection, limits=limits),  # type: ignore[arg-type]  # a factory is what is needed
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            # Nothing here depends on who a caller says it is.
            proxy_headers=False,
            server_header=False,
            headers=[("server", "guichet")],
            timeout_keep_alive=int(limits.idle_seconds),
            timeout_graceful_shutdown=int(DRAIN_SECONDS) + 2,
        )
        config.load()
        super().__init__(config)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until SIGTERM or SIGINT, which end the process with code 0."""
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        # uvicorn raises the signal that stopped it again.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))
        # The collector need not look again and again at what was imported.
        gc.freeze()
        gc.enable()
        with logging_to_stdout():
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._enforce_time_limits()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._cancel_tasks)
        await super().shutdown(sockets)

    def _cancel_tasks(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    def _enforce_time_limits(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.enforce_time_limits(loop.time())
        loop.call_later(LIMITS_EVERY_SECONDS, self._enforce_time_limits)
