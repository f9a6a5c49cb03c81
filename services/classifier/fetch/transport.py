"""One request to a checked address: connected to that address and no other, within one budget of time and bytes.

`requests-hardened` carries it and refuses private addresses once more by itself. Around it: the socket is ours, its
peer is checked before a byte is sent, and every byte that comes back is counted and timed as it is received.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import requests
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from services.classifier.fetch.ip_policy import is_public
from services.classifier.fetch.url import Target
from services.classifier.problems import CallerGone, FetchFailed, FetchTimeout, FetchTooLarge, UrlBlocked

# One sentence for refused, closed and silent: what a port answers is nobody's business.
UNREACHABLE: Final = "The address could not be fetched."
NOT_PUBLIC: Final = "The address is not on the public internet."
HEADERS: Final = {"User-Agent": "guichet", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}

# Status lines, headers, sizes of chunks and trailers, all together: each costs more to read than its bytes.
MAX_LINES: Final = 10_000
# Beside the body; together with what is read ahead, less than 64 KiB beyond what is allowed.
MAX_HEAD: Final = 1 << 15
# How often the caller is looked after while a server is silent.
LOOK_SECONDS: Final = 0.5

Connect = Callable[[str, int, float], socket.socket]


def open_socket(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address: the one place where the service opens a socket towards the outside."""
    return socket.create_connection((address, port), timeout=seconds)


@dataclass(frozen=True)
class Budget:
    """What a fetch may take: bytes of body, time until `until` (monotonic), and its caller's patience."""

    most: int
    until: float
    gone: Callable[[], bool]

    @property
    def left(self) -> float:
        """Seconds; raises FetchTimeout or CallerGone where there is no use in going on."""
        if self.gone():
            raise CallerGone("The caller has gone.")
        left = self.until - time.monotonic()
        if left <= 0:
            raise FetchTimeout(UNREACHABLE)
        return left

    def failure(self) -> FetchTimeout | FetchFailed:
        """What to call it that something went wrong just now."""
        # A socket's time-out may be a little early.
        return (FetchTimeout if time.monotonic() > self.until - 0.01 else FetchFailed)(UNREACHABLE)


@dataclass(frozen=True)
class Outgoing:
    """How requests leave: `connect` opens sockets, `authorities` is the file of trusted certificates (None: the usual
    ones), and `loopback` allows this machine itself, for tests.
    """

    connect: Connect = open_socket
    authorities: str | None = None
    loopback: bool = False

    def send(self, target: Target, addresses: list[str], budget: Budget) -> requests.Response:
        """The answer's head from the first address that can be reached; its body is not read."""
        connected = partial(self._connected, addresses, target.port, budget)
        adapter = _PinnedAdapter(target, connected, budget, self.loopback)
        request = requests.Request("GET", target.at(addresses[0]), headers=HEADERS).prepare()
        # Straight through the adapter: a session would read the bodies of redirects, and the environment.
        response: requests.Response = adapter.send(
            request, stream=True, timeout=budget.left, verify=self.authorities or True
        )
        return response

    def _connected(self, addresses: list[str], port: int, budget: Budget) -> socket.socket:
        for number, address in enumerate(addresses):
            try:
                connection = self.connect(address, port, budget.left / (len(addresses) - number))
            except OSError as err:
                if number == len(addresses) - 1:
                    raise budget.failure() from err
                continue
            try:
                self._require_public_peer(connection)
            except BaseException:
                connection.close()
                raise
            return connection
        raise FetchFailed(UNREACHABLE)

    def _require_public_peer(self, connection: socket.socket) -> None:
        try:
            peer = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
        except OSError as err:
            raise FetchFailed(UNREACHABLE) from err
        if not is_public(peer, loopback=self.loopback):
            raise UrlBlocked(NOT_PUBLIC)


class _PinnedAdapter(IPFilterAdapter):  # type: ignore[misc]  # it brings no types
    """requests-hardened's adapter, given a checked address in place of the name, and the socket to use."""

    def __init__(self, target: Target, connected: Callable[[], socket.socket], budget: Budget, loopback: bool) -> None:
        self._target, self._connected, self._budget = target, connected, budget
        super().__init__(is_https_proto=target.scheme == "https", allow_loopback=loopback)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        request.headers["Host"] = self._target.authority
        if self._target.scheme == "https":
            pool["assert_hostname"] = pool["server_hostname"] = self._target.host
        return host, pool

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        connected = self._connected
        ours = {
            "_new_conn": lambda _connection: connected(),
            "response_class": staticmethod(partial(_BoundedResponse, budget=self._budget)),
        }
        pool.ConnectionCls = type("Pinned", (pool.ConnectionCls,), ours)
        return pool


class _BoundedResponse(http.client.HTTPResponse):
    """http.client's, reading from a bounded stream."""

    def __init__(self, sock: Any, *args: Any, budget: Budget, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = _Lines(_Bytes(sock, self.fp, budget))


class _Bytes(io.RawIOBase):
    """What a socket receives, counted, and never waited for longer than the budget allows."""

    def __init__(self, sock: Any, held: io.BufferedIOBase, budget: Budget) -> None:
        self._sock, self._budget = sock, budget
        # Closing it closes the socket, once the connection has let go of it too.
        self._held = held
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._sock.settimeout(min(LOOK_SECONDS, self._budget.left))
            try:
                size: int = self._sock.recv_into(buffer)
            except TimeoutError:
                continue
            self._size += size
            if self._size > self._budget.most + MAX_HEAD:
                raise too_large(self._budget.most)
            return size

    def close(self) -> None:
        self._held.close()
        super().close()


class _Lines(io.BufferedReader):
    """Counts its lines."""

    _lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        self._lines += 1
        if self._lines > MAX_LINES:
            raise FetchFailed(UNREACHABLE)
        return super().readline(size)


def too_large(most: int) -> FetchTooLarge:
    return FetchTooLarge(f"The image at the address is larger than {most:,} bytes.")
