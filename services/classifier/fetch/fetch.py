"""Fetch an image by URL, within limits of size, time and redirects."""

from __future__ import annotations

import asyncio
import re
import ssl
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, urljoin

import httpcore

from services.classifier.fetch.transport import UNREACHABLE, BoundedStream, PublicNetwork, too_large
from services.classifier.fetch.url import Url, parsed_url
from services.classifier.media_types import MEDIA_TYPES
from services.classifier.problems import (
    FetchEncoding,
    FetchFailed,
    FetchRedirects,
    FetchTimeout,
    FetchTruncated,
    FetchType,
    UrlInvalid,
)
from services.classifier.settings import USER_AGENT

MAX_REDIRECTS: Final = 3
REDIRECTS: Final = {301, 302, 303, 307, 308}
ACCEPT: Final = ",".join([*MEDIA_TYPES, "image/*;q=0.1"])
# As in browsers, other values of Content-Encoding have no effect: many servers send a charset or a media type there.
COMPRESSED: Final = re.compile(r"(x-)?gzip|(x-)?compress|deflate|br|zstd|dcb|dcz", re.IGNORECASE)
HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta", b"<title")
# No image is without these bytes, but for the formats that are text.
BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")
CERTIFICATE: Final = "The TLS certificate of the host in the URL is not valid."
CONNECTION_ERRORS: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)


async def fetch_image(
    url: str, network: PublicNetwork, *, seconds: float, max_bytes: int, user_agent: str = USER_AGENT
) -> bytes:
    """The bytes at `url`, at most `max_bytes`; raises a Problem.

    `seconds` is the limit for lookups, redirects and the body together. Cancelling closes the connection.
    """
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            target = parsed_url(url, loopback=network.loopback)
            for _ in range(MAX_REDIRECTS + 1):
                async with _response(target, network, seconds, user_agent) as response:
                    if response.status not in REDIRECTS:
                        return await _image(response, max_bytes)
                target = _redirected(target, _header(response, b"location"), network.loopback)
            raise FetchRedirects(f"The URL redirects more than {MAX_REDIRECTS} times.")
    except CONNECTION_ERRORS as err:
        if timeout.expired():
            raise FetchTimeout("The URL took too long to respond.") from err
        # Such a host is public, so this tells nothing about the service's own network.
        raise FetchFailed(CERTIFICATE if _is_about_certificate(err) else UNREACHABLE) from err


@asynccontextmanager
async def _response(
    url: Url, network: PublicNetwork, seconds: float, user_agent: str
) -> AsyncIterator[httpcore.Response]:
    """The response's head; its body is not read."""
    target = httpcore.URL(scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.path.encode())
    headers = [
        ("Host", url.authority),
        ("User-Agent", user_agent),
        ("Accept", ACCEPT),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    connection = httpcore.AsyncHTTPConnection(
        target.origin,
        ssl_context=network.ssl_context if url.scheme == "https" else None,
        network_backend=network,
    )
    limits = {"timeout": {"connect": seconds}}
    async with connection, connection.stream("GET", target, headers=headers, extensions=limits) as response:
        yield response


def _redirected(url: Url, location: bytes, loopback: bool) -> Url:
    if not location:
        raise FetchRedirects("The URL redirects without a Location.")
    try:
        # As browsers do: spaces and bytes beyond ASCII are percent-encoded, in whatever charset they are.
        following = parsed_url(urljoin(str(url), quote(location, safe=string.punctuation)), loopback=loopback)
    except (UrlInvalid, ValueError) as err:
        raise FetchRedirects("The URL redirects to an invalid or non-HTTP(S) URL.") from err
    if url.scheme == "https" and following.scheme == "http":
        raise FetchRedirects("The URL redirects from https to http.")
    return following


async def _image(response: httpcore.Response, max_bytes: int) -> bytes:
    """The body of a response that may be an image."""
    if response.status != 200:
        raise FetchType(f"The URL returned HTTP status {response.status}, not an image.")
    codings = b",".join(_headers(response, b"content-encoding")).decode("latin-1").split(",")
    if any(COMPRESSED.fullmatch(coding.strip()) for coding in codings):
        raise FetchEncoding("The URL returned compressed content; only uncompressed responses are read.")
    length = _header(response, b"content-length")
    if length.isdigit() and int(length) > max_bytes:
        raise too_large(max_bytes)
    body = await _body(response, max_bytes)
    if not body:
        raise FetchType("The URL returned an empty body.")
    if text := _text(body[:512], _header(response, b"content-type").lower()):
        raise FetchType(f"The URL returned {text}, not an image.")
    return body


def _text(start: bytes, content_type: bytes) -> str:
    """What kind of text a body is that begins so; empty if it may be an image."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(HTML) or (start.startswith(b"<") and b"html" in start + content_type):
        return "an HTML page"
    if BINARY.search(start):
        return ""
    return "JSON" if b"json" in content_type else "text" if content_type.startswith(b"text/plain") else ""


def _is_about_certificate(error: BaseException | None) -> bool:
    while error and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


async def _body(response: httpcore.Response, max_bytes: int) -> bytes:
    stream: BoundedStream = response.extensions["network_stream"]
    stream.allow_body(max_bytes)
    body = bytearray()
    try:
        async for piece in response.aiter_stream():
            stream.count_steps()
            body += piece
            if len(body) > max_bytes:
                raise too_large(max_bytes)
    except CONNECTION_ERRORS as err:
        raise FetchTruncated("The connection closed before the whole image had arrived.") from err
    return bytes(body)


def _header(response: httpcore.Response, name: bytes) -> bytes:
    """The header's first value, or nothing."""
    return next(iter(_headers(response, name)), b"")


def _headers(response: httpcore.Response, name: bytes) -> list[bytes]:
    return [value for key, value in response.headers if key.lower() == name]
