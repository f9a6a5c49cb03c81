"""An image from an address that a stranger named: public hosts only, bounded in size, time and hops."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

import requests
import urllib3

from services.classifier.addresses import is_public
from services.classifier.outgoing import LOOK_SECONDS, NOT_PUBLIC, UNREACHABLE, Budget, Outgoing, too_large
from services.classifier.problems import (
    FetchEncoding,
    FetchFailed,
    FetchRedirects,
    FetchTimeout,
    FetchTruncated,
    FetchType,
    UrlBlocked,
    UrlInvalid,
)
from services.classifier.target import Target, parsed_target
from services.http.faults import Overloaded

MAX_REDIRECTS: Final = 3
REDIRECTS: Final = {301, 302, 303, 307, 308}
PIECE: Final = 1 << 14
# Names that are being asked for; a resolver can hang for longer than anybody waits.
MAX_LOOKUPS: Final = 8

Resolve = Callable[[str, int], list[str]]


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


@dataclass(frozen=True)
class Fetcher:
    """Fetches at most `most` bytes within `seconds`, names, redirects and all."""

    most: int
    seconds: float
    outgoing: Outgoing
    resolve: Resolve = system_resolve
    _lookups: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MAX_LOOKUPS))

    def image(self, url: str, until: float, gone: Callable[[], bool]) -> bytes:
        """The bytes at `url`; raises a Problem for what is wrong with it or went wrong on the way.

        Nothing is waited for after `until` (monotonic), or once `gone` says that the caller has left.
        """
        budget = Budget(self.most, min(until, time.monotonic() + self.seconds), gone)
        target = self._target(url)
        for _ in range(MAX_REDIRECTS + 1):
            with self._answer(target, budget) as response:
                if response.status_code not in REDIRECTS:
                    return self._body(response, budget)
                location = response.headers.get("Location")
            target = self._redirected(target, location)
        raise FetchRedirects(f"The address redirects more than {MAX_REDIRECTS} times.")

    def _target(self, url: str) -> Target:
        return parsed_target(url, any_port=self.outgoing.loopback)

    def _redirected(self, target: Target, location: str | None) -> Target:
        if not location:
            raise FetchRedirects("The address redirects nowhere.")
        try:
            following = self._target(urljoin(target.url, location))
        except (UrlInvalid, ValueError) as err:
            raise FetchRedirects("The address redirects to what is not an http or https address.") from err
        if target.scheme == "https" and following.scheme == "http":
            raise FetchRedirects("The address redirects from https to http.")
        return following

    @contextlib.contextmanager
    def _answer(self, target: Target, budget: Budget) -> Iterator[requests.Response]:
        """The answer's head. Whatever goes wrong within the block is told as one of our problems."""
        addresses = self._checked_addresses(target, budget)
        try:
            response = self.outgoing.send(target, addresses, budget)
            with contextlib.closing(response):
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as err:
            raise budget.failure() from err

    def _checked_addresses(self, target: Target, budget: Budget) -> list[str]:
        """The addresses to connect to: all that the name has, if all of them are public."""
        answers = [str(target.literal)] if target.literal else self._resolved(target, budget)
        addresses = [ipaddress.ip_address(answer.partition("%")[0]) for answer in answers]
        if not all(is_public(address, loopback=self.outgoing.loopback) for address in addresses):
            raise UrlBlocked(NOT_PUBLIC)
        return [str(address) for address in addresses]

    def _resolved(self, target: Target, budget: Budget) -> list[str]:
        """The name's addresses, asked for once, by a thread that may be left behind."""
        answers: list[str] = []
        done = threading.Event()

        def ask() -> None:
            try:
                with contextlib.suppress(OSError, UnicodeError):
                    answers.extend(self.resolve(target.host, target.port))
            finally:
                self._lookups.release()
                done.set()

        if not self._lookups.acquire(timeout=budget.left):
            raise FetchTimeout(UNREACHABLE)
        try:
            threading.Thread(target=ask, name="lookup", daemon=True).start()
        except RuntimeError as err:
            self._lookups.release()
            raise Overloaded("The service has no thread left to fetch with; try again in a moment.") from err
        while not done.wait(min(LOOK_SECONDS, budget.left)):
            continue
        if not answers:
            raise FetchFailed(UNREACHABLE)
        return answers

    def _body(self, response: requests.Response, budget: Budget) -> bytes:
        if response.status_code != requests.codes.ok:
            raise FetchType("The address does not answer with an image.")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise FetchEncoding("The address answers with compressed content; images are compressed already.")
        if (response.raw.length_remaining or 0) > self.most:
            raise too_large(self.most)
        body = bytearray()
        try:
            while piece := response.raw.read(PIECE, decode_content=False):
                body += piece
                if len(body) > self.most:
                    raise too_large(self.most)
        except (urllib3.exceptions.HTTPError, OSError) as err:
            failure = budget.failure()
            if isinstance(failure, FetchTimeout):
                raise failure from err
            raise FetchTruncated("The address broke off in the middle of the image.") from err
        return bytes(body)
