"""PNG without its notes: Pillow gets the critical chunks and the transparency only."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from services.classifier.decoding.orientation import EXIF, orientation
from services.classifier.decoding.source import PILLOW_BYTES, Source, loaded, opened
from services.classifier.problems import ImageUnsupported

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CRITICAL: Final = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
TEXTS: Final = {b"tEXt", b"zTXt", b"iTXt"}
# Apple's variant of PNG begins with this chunk.
CGBI: Final = b"CgBI"
# Where IHDR has the colour type.
COLOUR_TYPE: Final = 25
GREY, RGB, PALETTE = 0, 2, 3
XMP_KEYWORDS: Final = (b"XML:com.adobe.xmp", b"Raw profile type xmp")
# ImageMagick's.
EXIF_KEYWORDS: Final = (b"Raw profile type exif", b"Raw profile type APP1")
# The orientation is near the start.
MAX_TEXT: Final = 1 << 20


@dataclass
class _Chunks:
    """The chunks read so far."""

    colour_type: int
    kept: list[memoryview] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    palette: int = 0
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)

    def add(self, name: bytes, chunk: memoryview) -> None:
        content = chunk[8:-4]
        if name == b"IDAT" and not content:
            return
        if name in CRITICAL or (name == b"tRNS" and self._is_valid_transparency(content) and _has_checksum(chunk)):
            self.kept.append(chunk)
            self.names.add(name)
        if name == b"PLTE":
            self.palette = len(content) // 3
        elif name == b"eXIf" and _has_checksum(chunk):
            self.exif.append(bytes(content))
        elif name in TEXTS and _has_checksum(chunk):
            self._add_text(name, bytes(content))

    def _is_valid_transparency(self, content: memoryview) -> bool:
        """As libpng decides; it ignores the others."""
        if self.names & {b"IDAT", b"tRNS"}:
            return False
        if self.colour_type == PALETTE:
            return 0 < len(content) <= self.palette
        return len(content) == {GREY: 2, RGB: 6}.get(self.colour_type)

    def _add_text(self, name: bytes, content: bytes) -> None:
        keyword, _, text = content.partition(b"\x00")
        if keyword in XMP_KEYWORDS:
            self.xmp.append(_text(name, text))
        elif keyword in EXIF_KEYWORDS:
            self.exif.append(_raw_profile(_text(name, text)))


def png_source(data: bytes) -> Source:
    """Raises ImageUnsupported for Apple's variant, and what Pillow raises."""
    chunks, view, position = _Chunks(int.from_bytes(data[COLOUR_TYPE : COLOUR_TYPE + 1])), memoryview(data), 8
    while b"IEND" not in chunks.names and position + 8 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        name = data[position + 4 : position + 8]
        if name == CGBI and not chunks.kept:
            raise ImageUnsupported("Apple's variant of PNG (CgBI) is not supported; save it as a standard PNG.")
        if end <= len(data):
            chunks.add(name, view[position:end])
        elif name in CRITICAL:
            chunks.kept.append(view[position:])
        position = end
    image = opened("PNG", b"".join([SIGNATURE, *chunks.kept]))
    upright = orientation(chunks.exif, chunks.xmp)
    return Source(image.width, image.height, upright, PILLOW_BYTES, partial(loaded, image))


def _has_checksum(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _text(name: bytes, text: bytes) -> bytes:
    """What follows the keyword, decompressed; only its start if it is long."""
    compressed = name == b"zTXt"
    if name == b"iTXt":
        compressed, text = text[:1] == b"\x01", text[2:]
        # The language, and the keyword in that language.
        for _ in range(2):
            text = text.partition(b"\x00")[2]
    elif compressed:
        text = text[1:]
    if not compressed:
        return text[:MAX_TEXT]
    try:
        return zlib.decompressobj().decompress(text, MAX_TEXT)
    except zlib.error:
        return b""


def _raw_profile(text: bytes) -> bytes:
    """The Exif data in ImageMagick's form: the name and length on lines of their own, then hexadecimal digits."""
    try:
        data = bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return b""
    return data.removeprefix(EXIF)
