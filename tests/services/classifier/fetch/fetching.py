"""Fetch from servers on this machine as if they were public hosts, and record the lookups and connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpcore

from services.classifier.fetch.fetch import fetch_image
from services.classifier.fetch.transport import PublicNetwork
from tests.services.classifier.fetch.sites import Script, Site, site

NAME = "photos.example"
PUBLIC = "93.184.215.14"
MAX_BYTES = 10_000
IMAGE = b"\xff\xd8\xff an image"
# A fetch that takes longer than this, whatever its own limit, fails its test.
HANGS_SECONDS = 30


@dataclass
class Recorder:
    """A resolver that knows `names`, and a connector that leads each IP address to its port of this machine.

    A name has a list of results, one for each lookup; the last one is repeated.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    connections: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, _port: int) -> list[str]:
        self.lookups.append(host)
        results = self.names.get(host)
        if not results:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return results.pop(0) if len(results) > 1 else results[0]

    async def connect(self, address: str, port: int, seconds: float | None) -> httpcore.AsyncNetworkStream:
        self.connections.append((address, port))
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.ports[address], timeout=seconds)

    def network(self, *, loopback: bool = True, authorities: str | None = None) -> PublicNetwork:
        """`loopback` lets connections arrive at this machine."""
        return PublicNetwork(resolve=self.resolve, connect=self.connect, authorities=authorities, loopback=loopback)


def fetched(
    url: str,
    recorder: Recorder,
    *,
    seconds: float = 5,
    max_bytes: int = MAX_BYTES,
    loopback: bool = True,
    authorities: str | None = None,
) -> bytes:
    network = recorder.network(loopback=loopback, authorities=authorities)
    fetch = fetch_image(url, network, seconds=seconds, max_bytes=max_bytes)
    return asyncio.run(asyncio.wait_for(fetch, HANGS_SECONDS))


@contextlib.contextmanager
def public_site(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Site, Recorder]]:
    """A site that has the name NAME and the IP address PUBLIC."""
    with site(script, tls) as served:
        yield served, Recorder({NAME: [[PUBLIC]]}, {PUBLIC: served.port})
