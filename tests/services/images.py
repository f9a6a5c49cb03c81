"""Pictures that should do harm, and what a service says of each. Made here, byte by byte where Pillow would not.

They are the cases 21 to 33 of the hostile inputs; `python -m benchmarks.pictures` sends them too.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 5000
MAX_BODY = 10 * 2**20


@dataclass(frozen=True)
class Picture:
    """A picture of a case: how its bytes are made, and the status and code of the answer (none for 200)."""

    case: int
    name: str
    made: Callable[[], bytes]
    status: int
    code: str = ""

    def __str__(self) -> str:
        return f"{self.case}-{self.name}"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    pixels[..., 2] = 60
    return Image.fromarray(pixels)


@cache
def drawing() -> Image.Image:
    return gradient(400, 320)


@cache
def huge() -> Image.Image:
    """As many pixels as are read."""
    return gradient(SIDE, SIDE)


# PNG


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *between: bytes, depth: int = 8, colour: int = 2, pixels: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def plain_png(*between: bytes) -> bytes:
    """A grey PNG of 300 × 300 with chunks before its pixels."""
    return png(300, 300, *between, colour=0, pixels=zlib.compress((b"\x00" + bytes([90]) * 300) * 300))


def sixteen_bit_png(pixels: NDArray[np.uint16]) -> bytes:
    """[height, width, 3] with 16 bits per channel, which Pillow reads but does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in pixels)
    return png(width, height, depth=16, pixels=zlib.compress(rows))


def packed_zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def bilevel_png(width: int, height: int) -> bytes:
    """White, and small however many pixels it has."""
    rows = zlib.compressobj(9)
    row = b"\x00" + b"\xff" * ((width + 7) // 8)
    pixels = b"".join(rows.compress(row * 100) for _ in range(height // 100)) + rows.compress(row * (height % 100))
    return png(width, height, depth=1, colour=0, pixels=pixels + rows.flush())


def cut_png(share: float) -> bytes:
    data = encoded(drawing(), "PNG")
    return data[: int(len(data) * share)]


def without_end() -> bytes:
    data = encoded(drawing(), "PNG")
    return data[: data.rindex(b"IEND") - 4]


def wrong_checksum() -> bytes:
    data = bytearray(encoded(drawing(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    return bytes(data)


def animated(kind: str, count: int, **options: Any) -> bytes:
    frames = [Image.new("RGB", (64, 64), (n % 256, 200, 90)) for n in range(count)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)


def broken_animation() -> bytes:
    data = bytearray(animated("PNG", 3))
    data[data.index(b"fdAT") + 12] ^= 0xFF
    return bytes(data)


# JPEG


@cache
def jpeg() -> bytes:
    return encoded(drawing(), "JPEG", quality=90)


def many_scans(count: int = 1510) -> bytes:
    """A progressive JPEG of 24 megapixels whose last scan is there again and again."""
    data = encoded(gradient(6000, 4000), "JPEG", progressive=True, quality=10)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * count + data[-2:]


def with_exif(tiff: bytes) -> bytes:
    segment = b"Exif\x00\x00" + tiff
    return jpeg()[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg()[2:]


def chained_directories() -> bytes:
    """An EXIF directory whose orientation is well, and whose pointers all lead back to itself."""
    entries = [(0x0112, 3, 1, 1 << 16), (0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)]
    body = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return with_exif(b"MM\x00\x2a\x00\x00\x00\x08" + struct.pack(">H", len(entries)) + body + struct.pack(">I", 8))


def zero_height() -> bytes:
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 7] = b"\x00\x00"
    return bytes(data)


def commented_jpeg() -> bytes:
    comment = b"<html><script>alert(1)</script></html>"
    return jpeg()[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg()[2:]


# Others


def gif_header(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<2H3B", width, height, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<4HB", 0, 0, width, height, 0) + b"\x02\x02L\x01\x00;"


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<3I", 70, 0, 54) + struct.pack("<I2i2H6I", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def webp_canvas(side: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>"""
LAB_PROFILE = struct.pack(">I4sI4s4s4s", 132, b"none", 0x4000000, b"mntr", b"Lab ", b"XYZ ") + bytes(12) + b"acsp"


def _unsupported() -> Iterator[Picture]:
    contents: dict[str, Callable[[], bytes]] = {
        "empty": lambda: b"",
        "one-byte": lambda: b"\x89",
        "noise": lambda: noise(65536),
        "text": lambda: b"hello",
        "html": lambda: b"<!doctype html><title>x</title>",
        "pdf": lambda: encoded(drawing(), "PDF"),
        "eps": lambda: encoded(drawing(), "EPS"),
        "elf": lambda: b"\x7fELF\x02\x01\x01" + bytes(57),
        "zip": lambda: b"PK\x03\x04" + bytes(26),
        "svg": lambda: SVG,
        "svgz": lambda: gzip.compress(SVG),
        "mp4": lambda: b"\x00\x00\x00\x18ftypmp42" + bytes(16),
        "tiff": lambda: encoded(drawing(), "TIFF"),
        "ico": lambda: encoded(drawing(), "ICO"),
        "psd": lambda: b"8BPS\x00\x01" + bytes(60),
        "jpeg-2000": lambda: encoded(drawing(), "JPEG2000"),
        "tga": lambda: encoded(drawing(), "TGA"),
        "avi": lambda: b"RIFF\x00\x00\x00\x00AVI " + bytes(20),
    }
    for name, made in contents.items():
        yield Picture(22, name, made, 415, "image_unsupported")


def _too_large() -> Iterator[Picture]:
    contents: dict[str, Callable[[], bytes]] = {
        "valid-png-of-144-megapixels": lambda: bilevel_png(12_000, 12_000),
        "png-65535": lambda: png(65_535, 65_535),
        "png-2-to-the-31": lambda: png(2**31 - 1, 2**31 - 1),
        "gif-65535": lambda: gif_header(65_535, 65_535),
        "webp-16384": lambda: webp_canvas(16_384),
        "webp-2-to-the-24": lambda: webp_canvas(2**24),
        "bmp-huge": lambda: bmp_header(2**31 - 1, 2**31 - 1),
    }
    for name, made in contents.items():
        yield Picture(24, name, made, 422, "image_too_many_pixels")
    for width, height in [(5000, 5000), (10_000, 2500), (1, 10_000), (10_000, 1)]:
        yield Picture(25, f"{width}x{height}", lambda w=width, h=height: bilevel_png(w, h), 200)
    for width, height in [(5000, 5001), (10_001, 1), (1, 10_001), (10_001, 2499)]:
        made = lambda w=width, h=height: bilevel_png(w, h)  # noqa: E731  # a table's entry
        yield Picture(25, f"{width}x{height}", made, 422, "image_too_many_pixels")
    yield Picture(25, "largest-body", lambda: jpeg() + bytes(MAX_BODY - len(jpeg())), 200)
    yield Picture(25, "larger-body", lambda: jpeg() + bytes(MAX_BODY + 1 - len(jpeg())), 413, "body_too_large")
    yield Picture(26, "many-scans", many_scans, 422, "image_too_complex")


def _bombs() -> Iterator[Picture]:
    refused = 422, "image_corrupt"
    yield Picture(
        27, "text-of-64-mib", lambda: plain_png(chunk(b"zTXt", b"a\x00\x00" + packed_zeros(1 << 26))), *refused
    )
    yield Picture(
        27, "profile-of-64-mib", lambda: plain_png(chunk(b"iCCP", b"a\x00\x00" + packed_zeros(1 << 26))), *refused
    )
    yield Picture(27, "20000-texts", lambda: plain_png(*[chunk(b"tEXt", b"k%d\x00v" % n) for n in range(20_000)]), 200)
    yield Picture(27, "garbage-directory", lambda: with_exif(b"II*\x00\x08\x00\x00\x00\xff\xff" + noise(3000)), 200)
    yield Picture(27, "circular-directories", chained_directories, 200)
    yield Picture(27, "noise-for-a-profile", lambda: encoded(drawing(), "JPEG", icc_profile=noise(5000)), 200)
    yield Picture(27, "lab-profile-on-rgb", lambda: encoded(drawing(), "PNG", icc_profile=LAB_PROFILE), 200)


def _damaged() -> Iterator[Picture]:
    contents: dict[str, Callable[[], bytes]] = {
        "half-a-jpeg": lambda: jpeg()[: len(jpeg()) // 2],
        "png-cut-in-its-pixels": lambda: cut_png(0.5),
        "png-with-a-wrong-checksum": wrong_checksum,
        "no-pixels": lambda: png(0, 0),
        "no-height": zero_height,
        "gif-without-pixels": lambda: gif_header(0, 0),
        "half-a-webp": lambda: encoded(drawing(), "WEBP")[:200],
        "half-a-gif": lambda: encoded(drawing(), "GIF")[:900],
        "half-a-bmp": lambda: encoded(drawing(), "BMP")[:900],
    }
    for name, made in contents.items():
        yield Picture(28, name, made, 422, "image_corrupt")
    # All its pixels are there: it is answered.
    yield Picture(28, "png-without-its-end", without_end, 200)
    # So are those of the first frame.
    yield Picture(28, "broken-second-frame", broken_animation, 200)


def _odd() -> Iterator[Picture]:
    yield Picture(29, "png-and-zip", lambda: encoded(drawing(), "PNG") + b"PK\x03\x04" + noise(500), 200)
    yield Picture(29, "png-and-php", lambda: encoded(drawing(), "PNG") + b"<?php system('id');", 200)
    yield Picture(29, "jpeg-with-html", commented_jpeg, 200)
    yield Picture(29, "trailing-mebibyte", lambda: jpeg() + noise(1 << 20), 200)
    yield Picture(30, "gif-of-3000", lambda: animated("GIF", 3000), 200)
    yield Picture(30, "png-of-500", lambda: animated("PNG", 500), 200)
    yield Picture(30, "webp-of-50", lambda: animated("WEBP", 50), 200)
    for width, height in [(1, 1), (1, 5000), (5000, 1), (3, 1), (2, 2)]:
        made = lambda w=width, h=height: encoded(gradient(w, h), "PNG")  # noqa: E731  # a table's entry
        yield Picture(33, f"{width}x{height}", made, 200)


def _largest() -> Iterator[Picture]:
    """As many pixels as are read, in what takes the most memory or time."""
    alpha = huge().getchannel("R")
    yield Picture(64, "largest-png", lambda: encoded(with_alpha(huge(), alpha), "PNG", compress_level=1), 200)
    yield Picture(64, "largest-webp", lambda: encoded(with_alpha(huge(), alpha), "WEBP", **QUICK_WEBP), 200)
    yield Picture(64, "largest-jpeg", lambda: encoded(huge().convert("CMYK"), "JPEG", **SLOW_JPEG), 200)
    yield Picture(64, "largest-gif", lambda: encoded(huge().convert("P"), "GIF"), 200)


QUICK_WEBP = {"lossless": True, "quality": 0, "method": 0}
SLOW_JPEG = {"progressive": True, "subsampling": 0, "quality": 90}


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    found = image.copy()
    found.putalpha(alpha)
    return found


def hostile_pictures() -> list[Picture]:
    """Cases 22 and 24 to 30, and 33."""
    return [*_unsupported(), *_too_large(), *_bombs(), *_damaged(), *_odd()]


def largest_pictures() -> list[Picture]:
    """Case 64; each takes a second to make."""
    return list(_largest())


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The bytes with some of them changed, cut out or repeated, by chance and always the same."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 2, 5, 20))):
            at = chance.randrange(len(changed))
            match chance.randrange(3):
                case 0:
                    changed[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
                case 1:
                    del changed[at : at + chance.randrange(1, 40)]
                case _:
                    changed[at:at] = changed[at : at + chance.randrange(1, 40)]
            if not changed:
                break
        yield bytes(changed)
