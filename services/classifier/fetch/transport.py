"""Connect to public IP addresses only, and limit how much is read."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final

import certifi
import httpcore

from services.classifier.fetch.ip_policy import NOT_PUBLIC, is_public
from services.classifier.problems import FetchFailed, FetchTooLarge, UrlBlocked
from services.problems import Overloaded

# The same message for refused, closed and malformed, so that callers cannot scan ports.
UNREACHABLE: Final = "The URL could not be fetched."

# The resolver's errors for a name that does not exist, or has no addresses.
UNKNOWN_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
# A lookup in the C library cannot be cancelled: its thread continues after the fetch has timed out.
MAX_LOOKUPS: Final = 8
# Limit on a response's bytes outside its body: status line, headers, chunk sizes and trailers.
MAX_HEAD: Final = 1 << 16
# Size of a read while the head is incomplete, so that little of the body is counted as head.
HEAD_READ: Final = 512
# Each read, chunk and header line takes time however short it is: FREE_STEPS are allowed, and one more per STEP_BYTES.
FREE_STEPS: Final = 1000
STEP_BYTES: Final = 256

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float | None], Awaitable[httpcore.AsyncNetworkStream]]


def system_resolve(host: str, port: int) -> list[str]:
    """All IP addresses of a host name, from the system's resolver."""
    # With a final dot, the resolver does not try the name inside this network's own domains.
    found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def open_connection(address: str, port: int, seconds: float | None) -> httpcore.AsyncNetworkStream:
    """A TCP connection to an IP address: the only place where the service connects to the outside."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=seconds)


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public hosts: resolves each name once, and connects only to the addresses that were checked.

    `resolve` runs in a thread. `authorities` is a file of trusted certificates (default: certifi's). `loopback` allows
    this machine, for tests.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = system_resolve,
        connect: Connect = open_connection,
        authorities: str | None = None,
        loopback: bool = False,
    ) -> None:
        self.loopback = loopback
        self._resolve, self._connect, self._authorities = resolve, connect, authorities
        # Not `loop.getaddrinfo`: uvloop's aborts the process if no thread can be started.
        self._lookups = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="lookup")

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._authorities or certifi.where())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that accepts one; raises UrlBlocked if any address is not public."""
        addresses = await self._public_addresses(host, port)
        for address in addresses:
            try:
                stream = await self._connect(address, port, timeout and timeout / len(addresses))
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError):
                continue
            try:
                self._require_public_peer(stream)
            except BaseException:
                await stream.aclose()
                raise
            return BoundedStream(stream)
        raise httpcore.ConnectError("no address accepts a connection")

    async def _public_addresses(self, host: str, port: int) -> list[str]:
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in await self._addresses(host, port)]
        if not all(is_public(address, loopback=self.loopback) for address in addresses):
            raise UrlBlocked(NOT_PUBLIC)
        return [str(address) for address in addresses]

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            return await asyncio.get_running_loop().run_in_executor(self._lookups, self._resolve, host, port)
        except (OSError, UnicodeError) as err:
            # An unknown name and a private one look the same, so that callers cannot list the names of this network.
            if isinstance(err, socket.gaierror) and err.errno in UNKNOWN_NAME:
                raise UrlBlocked(NOT_PUBLIC) from err
            raise FetchFailed(UNREACHABLE) from err
        except RuntimeError as err:
            raise Overloaded("The service cannot start a thread to resolve the host; try again in a moment.") from err

    def _require_public_peer(self, stream: httpcore.AsyncNetworkStream) -> None:
        """Check the address that the socket is connected to, before anything is sent."""
        peer = stream.get_extra_info("server_addr")
        if peer is None:
            raise FetchFailed(UNREACHABLE)
        if not is_public(ipaddress.ip_address(peer[0].partition("%")[0]), loopback=self.loopback):
            raise UrlBlocked(NOT_PUBLIC)


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that reads at most MAX_HEAD bytes until `allow_body` is called; then raises a Problem."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._max_body: int | None = None
        self._size = self._steps = 0

    def allow_body(self, max_bytes: int) -> None:
        """Allow `max_bytes` more, now that the head is complete."""
        self._max_body = max_bytes

    def count_steps(self, steps: int = 1) -> None:
        """Raise FetchFailed if the response arrives in too many small pieces."""
        self._steps += steps
        if self._steps > FREE_STEPS + self._size // STEP_BYTES:
            raise FetchFailed(UNREACHABLE)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        in_head = self._max_body is None
        data = await self._stream.read(min(max_bytes, HEAD_READ) if in_head else max_bytes, timeout)
        self._size += len(data)
        if self._size > MAX_HEAD + (self._max_body or 0):
            raise FetchFailed(UNREACHABLE) if self._max_body is None else too_large(self._max_body)
        self.count_steps(1 + data.count(b"\n") if in_head else 1)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except asyncio.CancelledError:
            # httpcore closes the connection on errors only.
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def too_large(max_bytes: int) -> FetchTooLarge:
    return FetchTooLarge(f"The image at the URL is larger than {max_bytes:,} bytes.")
