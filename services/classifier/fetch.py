"""An image from an address that a stranger named: public hosts only, bounded in size, time and hops.

`requests-hardened` carries the request and refuses private addresses by itself; around it, this module resolves each
name once and checks all its answers, pins the connection to the checked address, checks the peer again, follows
redirects by hand without reading their bodies, and keeps one budget of time for all of it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urljoin

import requests
import urllib3
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from services.classifier.addresses import Address, is_public
from services.classifier.problems import (
    FetchEncoding,
    FetchFailed,
    FetchRedirects,
    FetchTimeout,
    FetchTooLarge,
    FetchTruncated,
    FetchType,
    UrlBlocked,
    UrlInvalid,
)
from services.classifier.target import Target, parsed_target

MAX_REDIRECTS = 3
REDIRECTS = {301, 302, 303, 307, 308}
PIECE = 1 << 16
STUCK_RESOLVERS = 8
# One sentence for refused, closed and silent: what a port answers is nobody's business.
UNREACHABLE = "The address could not be fetched."

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], socket.socket]


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in found]


def open_socket(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address: the one place where the service opens a socket towards the outside."""
    return socket.create_connection((address, port), timeout=seconds)


@dataclass(frozen=True)
class Fetcher:
    """Fetches with at most `most` bytes in `seconds`; `loopback` allows this machine and any port, for tests."""

    most: int
    seconds: float
    loopback: bool = False
    resolve: Resolve = system_resolve
    connect: Connect = open_socket

    def image(self, url: str) -> bytes:
        """The bytes at `url`; raises a Problem for what is wrong with it or went wrong on the way."""
        until = time.monotonic() + self.seconds
        target = parsed_target(url, any_port=self.loopback)
        for _ in range(MAX_REDIRECTS + 1):
            with self._answer(target, until) as response:
                if response.status_code not in REDIRECTS:
                    return self._body(response, until)
                target = self._redirected(target, response.headers.get("Location"))
        raise FetchRedirects(f"The address redirects more than {MAX_REDIRECTS} times.")

    def _redirected(self, target: Target, location: str | None) -> Target:
        if not location:
            raise FetchRedirects("The address redirects nowhere.")
        try:
            following = parsed_target(urljoin(target.url, location), any_port=self.loopback)
        except UrlInvalid as err:
            raise FetchRedirects("The address redirects to what is not an http or https address.") from err
        if target.scheme == "https" and following.scheme == "http":
            raise FetchRedirects("The address redirects from https to http.")
        return following

    @contextlib.contextmanager
    def _answer(self, target: Target, until: float) -> Iterator[requests.Response]:
        """The answer's head, its body not yet read. Whatever fails within the block is told as one of our problems."""
        address = self._checked_address(target, until)
        adapter = _PinnedAdapter(target, self.loopback, lambda: self._watched_socket(address, target.port, until))
        request = requests.Request("GET", target.at(address), headers=HEADERS).prepare()
        response = None
        try:
            # Straight through the adapter: a session would read the bodies of redirects, and the environment.
            response = adapter.send(request, stream=True, timeout=max(0.001, until - time.monotonic()))
            yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as err:
            _raise_problem(err, until)
        finally:
            if response is not None:
                response.close()
            adapter.close()

    def _checked_address(self, target: Target, until: float) -> str:
        """The address to connect to; every answer of the name must be public."""
        answers = [str(target.literal)] if target.literal else self._resolved(target, until)
        addresses: list[Address] = [ipaddress.ip_address(answer.partition("%")[0]) for answer in answers]
        if not all(is_public(address, loopback=self.loopback) for address in addresses):
            raise UrlBlocked("The address is not on the public internet.")
        return str(addresses[0])

    def _resolved(self, target: Target, until: float) -> list[str]:
        """The name's addresses, asked for once, in a thread that may be left behind."""
        answers: list[list[str] | None] = []
        done = threading.Event()

        def ask() -> None:
            try:
                answers.append(self.resolve(target.host, target.port))
            except (OSError, UnicodeError):
                answers.append(None)
            finally:
                _resolvers.release()
                done.set()

        if not _resolvers.acquire(timeout=max(0.0, until - time.monotonic())):
            raise FetchTimeout(UNREACHABLE)
        threading.Thread(target=ask, daemon=True).start()
        if not done.wait(max(0.0, until - time.monotonic())):
            raise FetchTimeout(UNREACHABLE)
        if not answers[0]:
            raise FetchFailed(UNREACHABLE)
        return answers[0]

    def _watched_socket(self, address: str, port: int, until: float) -> socket.socket:
        """A connection whose peer was checked, and that is cut when the time is over, whatever it is doing then."""
        connection = self.connect(address, port, max(0.001, until - time.monotonic()))
        peer = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
        if not is_public(peer, loopback=self.loopback):
            connection.close()
            raise UrlBlocked("The address is not on the public internet.")
        # A socket has a time-out per read only; a byte now and then would keep it for ever.
        handle = connection.dup()
        timer = threading.Timer(max(0.0, until - time.monotonic()), _cut, [handle])
        timer.daemon = True
        timer.start()
        return connection

    def _body(self, response: requests.Response, until: float) -> bytes:
        if response.status_code != requests.codes.ok:
            raise FetchType("The address does not answer with an image.")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchEncoding("The address answers with compressed content; images are compressed already.")
        if (response.raw.length_remaining or 0) > self.most:
            raise self._too_large()
        body = bytearray()
        while piece := response.raw.read(PIECE, decode_content=False):
            body += piece
            if len(body) > self.most:
                raise self._too_large()
        if time.monotonic() >= until:
            raise FetchTimeout(UNREACHABLE)
        return bytes(body)

    def _too_large(self) -> FetchTooLarge:
        return FetchTooLarge(f"The image at the address is larger than {self.most:,} bytes.")


HEADERS = {"User-Agent": "guichet", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
_resolvers = threading.BoundedSemaphore(STUCK_RESOLVERS)


class _PinnedAdapter(IPFilterAdapter):  # type: ignore[misc]  # it brings no types
    """requests-hardened's adapter, given the checked address in place of the name, and the socket to use."""

    def __init__(self, target: Target, loopback: bool, connected: Callable[[], socket.socket]) -> None:
        self._target, self._connected = target, connected
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
        pool.ConnectionCls = type("Pinned", (pool.ConnectionCls,), {"_new_conn": lambda _connection: connected()})
        return pool


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
    handle.close()


def _raise_problem(error: Exception, until: float) -> NoReturn:
    if time.monotonic() >= until - 0.01 or isinstance(error, (TimeoutError, requests.Timeout)):
        raise FetchTimeout(UNREACHABLE) from error
    if isinstance(error, urllib3.exceptions.HTTPError) and "IncompleteRead" in repr(error):
        raise FetchTruncated("The address broke off in the middle of the image.") from error
    raise FetchFailed(UNREACHABLE) from error
