"""The bytes that arrive on a connection -> whole requests, by gunicorn's parser and with bounds on what is kept."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader

from services.web.faults import (
    BodyMalformed,
    BodyTooLarge,
    CodingUnsupported,
    HeadTooLarge,
    RequestMalformed,
    fault_of,
)
from services.web.problems import Problem

PIECE: Final = 1 << 16
MAX_PIECE: Final = 1 << 20
MAX_HEAD: Final = 1 << 16
MAX_TRAILERS: Final = 1 << 13
CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t -~\x80-\xff]*)?")
TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


@dataclass(slots=True)
class Arrival:
    """A whole request; or, with a `fault`, one that never will be: then nothing more can be read of its connection."""

    # gunicorn's Request, whose stubs leave much of it open.
    request: Any
    body: bytes = b""
    fault: Problem | None = None


class Receiver:
    """Takes the bytes of one connection as they come and gives its requests as they become whole."""

    def __init__(self, cfg: Any, peer: Any, most: int) -> None:
        """`cfg` is gunicorn's; `peer` the caller's address; `most` the bytes that a body may have."""
        self._cfg, self._peer, self._most = cfg, peer, most
        # The request whose head is here, and whose body is not, or not all of it.
        self.request: Any = None
        self._held = b""
        self._body: _Sized | _Chunked = _Sized(0)

    @property
    def size(self) -> int:
        """The bytes kept of a request that is not whole yet."""
        return len(self._held) + (self._body.size if self.request else 0)

    @property
    def started(self) -> bool:
        """Whether a part of a request is here."""
        return bool(self._held) or self.request is not None

    @property
    def awaited(self) -> bool:
        """Whether the caller waits for `100 Continue` before it sends the body. Asked once, told once."""
        request = self.request
        if request is None or not request._expected_100_continue:
            return False
        request._expected_100_continue = False
        return True

    @property
    def room(self) -> int:
        """How many bytes to ask for: a sized body's are never read past."""
        return min(self._body.missing, MAX_PIECE) if self.request and self._body.missing else PIECE

    def hold(self, data: bytes) -> None:
        """Keep bytes for later: a request that came before the last one was answered."""
        self._held += data

    def feed(self, data: bytes = b"") -> Arrival | None:
        """The request that `data` completes, or the fault that it is; None while more must come."""
        request = self.request
        try:
            if request is None:
                found = self._head(self._held + data)
                if found is None:
                    return None
                request, data = found
            rest = self._body.feed(data)
        except Problem as fault:
            return Arrival(request or self.request, fault=fault)
        if rest is None:
            return None
        body = self._body.whole
        # Its pieces are not kept until the next request comes.
        self.request, self._held, self._body = None, rest, _Sized(0)
        return Arrival(request, body)

    def end(self) -> Arrival | None:
        """What the end of the caller's bytes makes of a request that is not whole."""
        if self.request is None:
            return None
        return Arrival(self.request, fault=BodyMalformed("The body ended before it was whole."))

    def _head(self, held: bytes) -> tuple[Any, bytes] | None:
        end = held.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0 and len(held) <= MAX_HEAD and held.count(b"\n") == held.count(b"\r\n"):
            self._held = held
            return None
        # A head that is too long, or has lines that end otherwise, goes to the parser too: it knows what is wrong.
        try:
            head = held[: end + 4] if end >= 0 else held[:MAX_HEAD]
            self.request = request = Request(self._cfg, _Bytes(head), self._peer)
        except ParseException as err:
            raise fault_of(err) from err
        except (NoMoreData, StopIteration) as err:
            raise HeadTooLarge(f"The head of the request is larger than {MAX_HEAD:,} bytes.") from err
        _check(request)
        self._body = self._expected(request)
        self._held = b""
        return request, held[end + 4 :]

    def _expected(self, request: Any) -> _Sized | _Chunked:
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            return _Chunked(self._most)
        length = reader.length if isinstance(reader, LengthReader) else 0
        if length > self._most:
            raise _too_large(self._most)
        return _Sized(length)


def _check(request: Any) -> None:
    """What gunicorn lets pass: a request without a Host, and codings that another reader may see as another length."""
    names = {name for name, _ in request.headers}
    if request.version >= (1, 1) and "HOST" not in names:
        raise RequestMalformed("The request names no Host.")
    if "TRANSFER-ENCODING" in names:
        codings = ",".join(value for name, value in request.headers if name == "TRANSFER-ENCODING").lower()
        if re.search("gzip|compress|deflate", codings):
            raise CodingUnsupported("The only Transfer-Encoding that is read here is `chunked`.")
        if codings != "chunked":
            raise RequestMalformed("The request breaks the rules of HTTP/1.1.")


class _Bytes(Unreader):
    """What gunicorn's parser reads from: these bytes and no more."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.buf.write(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        return b""


class _Sized:
    """A body whose length was announced; `missing` bytes of it are yet to come."""

    def __init__(self, length: int) -> None:
        self.missing = length
        self.size = 0
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes | None:
        """What follows the body, once it is whole."""
        piece, rest = (data, b"") if len(data) <= self.missing else (data[: self.missing], data[self.missing :])
        if piece:
            self._pieces.append(piece)
        self.size += len(piece)
        self.missing -= len(piece)
        return None if self.missing else rest

    @property
    def whole(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Chunked:
    """A body in chunks (RFC 9112, section 7.1); their extensions and the trailers are read and dropped."""

    missing = 0

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self._body = bytearray()
        self._decoding = self._decode()

    @property
    def size(self) -> int:
        return len(self._held) + len(self._body)

    @property
    def whole(self) -> bytes:
        return bytes(self._body)

    def feed(self, data: bytes) -> bytes | None:
        """What follows the body, once it is whole."""
        self._held += data
        try:
            next(self._decoding)
        except StopIteration:
            return bytes(self._held)
        return None

    def _decode(self) -> Generator[None, None, None]:
        """Yields wherever more bytes are needed."""
        while size := (yield from self._size()):
            if len(self._body) + size > self._most:
                raise _too_large(self._most)
            while size:
                piece = self._held[:size]
                del self._held[: len(piece)]
                self._body += piece
                size -= len(piece)
                if size:
                    yield
            if (yield from self._line(2)) != b"":
                raise BodyMalformed("The body breaks the rules of chunked transfer.")
        trailers = 0
        while line := (yield from self._line(MAX_TRAILERS - trailers)):
            trailers += len(line) + 2
            if not TRAILER.fullmatch(line):
                raise BodyMalformed("The body breaks the rules of chunked transfer.")

    def _size(self) -> Generator[None, None, int]:
        match = CHUNK.fullmatch((yield from self._line(MAX_TRAILERS)))
        if not match:
            raise BodyMalformed("The body breaks the rules of chunked transfer.")
        return int(match[1], 16)

    def _line(self, most: int) -> Generator[None, None, bytes]:
        """A line of at most `most` bytes, its CRLF among them, without it."""
        searched = 0
        while (end := self._held.find(b"\n", searched, most)) < 0:
            searched = len(self._held)
            if searched >= most:
                raise BodyMalformed("The body breaks the rules of chunked transfer.")
            yield
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        if not line.endswith(b"\r\n"):
            raise BodyMalformed("The body breaks the rules of chunked transfer.")
        return line[:-2]


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {most:,} bytes.")
