"""Limits on requests and connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body: int = 1 << 16
    # All incomplete bodies together.
    arriving: int = 1 << 26
    head: int = 1 << 16
    header: int = 8190
    headers: int = 100
    target: int = 4094
    head_seconds: float = 10
    body_seconds: float = 30
    # For a response that the caller does not read.
    send_seconds: float = 30
    # Longer than proxies keep an idle connection, so that the proxy closes it first.
    idle_seconds: float = 620
    connections: int = 1000
