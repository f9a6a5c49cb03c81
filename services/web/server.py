"""gunicorn around a WSGI application: one process with threads, and an arbiter that replaces it if it dies."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from services.web.connection import Bounds
from services.web.environment import SettingsError
from services.web.exchange import Application
from services.web.logs import log_to_stdout
from services.web.loop import Loop
from services.web.worker import STOP_SECONDS, LoopWorker

DEFAULT_BOUNDS = Bounds()
# The application, given the loop that it may wait in.
CreateApp = Callable[[Loop], Application]


class PortTaken(SettingsError):
    """Nothing can listen at that address; the message says which and why."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; raises PortTaken at once, where gunicorn would retry for 5 s and print a traceback."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as err:
        listener.close()
        raise PortTaken(f"PORT: cannot listen on {host}:{port}: {err.strerror}") from err
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


class _JsonLogger(Logger):
    """gunicorn's own messages, warnings and worse, by way of the root logger; the services log their requests."""

    def setup(self, cfg: Any) -> None:
        self.error_log.setLevel(logging.WARNING)
        self.error_log.propagate = True

    def access(self, *_: Any) -> None:
        return


class Server(BaseApplication):
    """Serves what `create_app` makes in the worker process, on a socket that listens already."""

    def __init__(self, create_app: CreateApp, listener: socket.socket, threads: int, bounds: Bounds) -> None:
        self._create_app = create_app
        self._options: dict[str, Any] = {
            "bind": f"fd://{listener.fileno()}",
            "worker_class": type("BoundWorker", (LoopWorker,), {"bounds": bounds}),
            "workers": 1,
            "threads": threads,
            # Cloud Run halts an idle instance's processor; a worker that sleeps with it is not a dead one.
            "timeout": 0,
            "graceful_timeout": STOP_SECONDS,
            "control_socket_disable": True,
            "limit_request_fields": 100,
            "limit_request_field_size": 8190,
            "limit_request_line": 4094,
            # Nothing that is decided here follows from who the caller says it is, or says it comes from.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            # The worker's sign of life is a file; the root file system may be read-only.
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "logger_class": _JsonLogger,
            "post_fork": lambda _arbiter, _worker: log_to_stdout(),
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:  # type: ignore[override]  # the stubs want ASGI too
        # The worker's; it is made where the worker runs.
        self.loop = Loop()
        return self._create_app(self.loop)


def serve(create_app: CreateApp, listener: socket.socket, threads: int, bounds: Bounds = DEFAULT_BOUNDS) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight get STOP_SECONDS to end."""
    os.environ.pop("GUNICORN_CMD_ARGS", None)
    log_to_stdout()
    Server(create_app, listener, threads, bounds).run()
