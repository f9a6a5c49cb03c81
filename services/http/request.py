"""Check the head of a request, and read its body within the limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from services.http.limits import Limits
from services.problems import (
    BodyTooLarge,
    CallerGone,
    ConnectionRefused,
    ExpectationFailed,
    RequestMalformed,
    TransferCodingUnsupported,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]

# If one of these came twice, a proxy and this service could each use a different one.
SINGLE: Final = frozenset({b"host", b"content-type", b"content-length", b"transfer-encoding"})
COMPRESSIONS: Final = (b"gzip", b"compress", b"deflate")


@dataclass(frozen=True)
class Request:
    """A complete request."""

    headers: Headers
    query: bytes
    body: bytes
    # By the loop's clock.
    arrived: float
    # Whether the caller has closed its side of the connection; most have disconnected then.
    gone: Callable[[], bool]


def checked_headers(scope: Scope) -> Headers:
    """The headers by lower-case name; raises a Problem for invalid heads that the server's parser accepts."""
    headers: Headers = {}
    for name, value in scope["headers"]:
        if name in headers and name in SINGLE:
            raise RequestMalformed("The request contains a duplicate header.")
        headers[name] = value
    version = scope["http_version"]
    if version not in ("1.0", "1.1") or not scope["path"].startswith("/"):
        raise RequestMalformed("The request is not valid HTTP/1.1.")
    if version == "1.1" and b"host" not in headers:
        raise RequestMalformed("The request has no Host header.")
    if (coding := headers.get(b"transfer-encoding")) is not None:
        if any(name in coding.lower() for name in COMPRESSIONS):
            raise TransferCodingUnsupported("The only supported Transfer-Encoding is `chunked`.")
        if version == "1.0" or coding.lower() != b"chunked":
            raise RequestMalformed("The Transfer-Encoding of the request is invalid.")
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise ExpectationFailed("The only supported Expect is `100-continue`.")
    return headers


class BodyReader:
    """Reads bodies; all incomplete ones together may have `limits.arriving` bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arriving = 0

    async def read(self, scope: Scope, headers: Headers, receive: Receive) -> bytes:
        """The whole body; raises a Problem if it is too large or malformed, or does not arrive in time."""
        if int(headers.get(b"content-length", 0)) > self._limits.body:
            raise self._too_large()
        body = bytearray()
        try:
            while True:
                message = await receive()
                if problem := scope["state"]["problem"]:
                    raise problem
                if message["type"] == "http.disconnect":
                    raise CallerGone("The caller has disconnected.")
                piece = message["body"]
                if len(body) + len(piece) > self._limits.body:
                    raise self._too_large()
                if not message["more_body"]:
                    return b"".join((body, piece)) if body else piece
                body += piece
                self._arriving += len(piece)
                if self._arriving > self._limits.arriving:
                    raise ConnectionRefused("The service is receiving too much data; try again in a moment.")
        finally:
            self._arriving -= len(body)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self._limits.body:,} bytes.")
