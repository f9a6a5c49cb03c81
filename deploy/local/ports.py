"""Ports on loopback."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import ExitStack

HOST = "127.0.0.1"


def why_not_free(port: int) -> str:
    """Why nothing can listen on the port; empty if it is free."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as err:
        return err.strerror or str(err)
    return ""


def free_ports(count: int, *, besides: Collection[int] = ()) -> list[int]:
    """Different free ports, other than those in `besides`, whose processes do not listen yet."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count + len(besides))]
        ports = [server.getsockname()[1] for server in servers]
    return [port for port in ports if port not in besides][:count]
