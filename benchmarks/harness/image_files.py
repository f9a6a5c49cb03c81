"""Images for tests and measurements, built byte by byte where Pillow cannot write them."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pillow_heif import register_heif_opener

SIDE = 5000

# So that Pillow writes HEIC, as the format HEIF.
register_heif_opener()

# How Pillow turns an upright image into the one that is stored with each Exif orientation but 1.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(width: int = 320, height: int = 300) -> Image.Image:
    """An image whose red increases to the right and whose green increases downwards."""
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
    """The largest image that a service accepts."""
    return gradient(SIDE, SIDE)


# PNG


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *between: bytes, depth: int = 8, colour: int = 2, pixels: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def plain_png(*between: bytes) -> bytes:
    """A grey 300 × 300 PNG with extra chunks before its pixels."""
    return png(300, 300, *between, colour=0, pixels=zlib.compress((b"\x00" + bytes([90]) * 300) * 300))


def sixteen_bit_png(pixels: NDArray[np.uint16]) -> bytes:
    """A PNG of [height, width, 3] with 16 bits per channel, which Pillow can read but not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in pixels)
    return png(width, height, depth=16, pixels=zlib.compress(rows))


def packed_zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def bilevel_png(width: int, height: int) -> bytes:
    """A white PNG that compresses to almost nothing."""
    rows = zlib.compressobj(9)
    row = b"\x00" + b"\xff" * ((width + 7) // 8)
    pixels = b"".join(rows.compress(row * 100) for _ in range(height // 100)) + rows.compress(row * (height % 100))
    return png(width, height, depth=1, colour=0, pixels=pixels + rows.flush())


def truncated(kind: str, share: float = 0.5, **options: Any) -> bytes:
    data = encoded(drawing(), kind, **options)
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
    """A progressive JPEG of 24 megapixels whose last scan is repeated `count` times."""
    data = encoded(gradient(6000, 4000), "JPEG", progressive=True, quality=10)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * count + data[-2:]


def with_exif(tiff: bytes) -> bytes:
    segment = b"Exif\x00\x00" + tiff
    return jpeg()[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg()[2:]


def with_orientation(order: str, value: int, kind: int = 3, count: int = 1) -> bytes:
    """Exif data in a byte order, `<` or `>`, with an orientation of a type; 3 is SHORT."""
    number = struct.pack(order + {3: "Hxx", 4: "I", 5: "I", 8: "hxx"}[kind], value)
    start = b"II*\x00" if order == "<" else b"MM\x00*"
    return start + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, count) + number + bytes(4)


def chained_directories() -> bytes:
    """A JPEG whose EXIF directory has a valid orientation and pointers back to itself."""
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


def tiff_entry(tag: int, kind: int, value: int, count: int = 1) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def tiff(*entries: bytes) -> bytes:
    """A gray TIFF of 64 × 64 pixels whose directory, at its end, has these entries in addition or instead."""
    plain = {256: 64, 257: 64, 258: 8, 262: 1, 273: 8, 279: 4096}
    every = {tag: tiff_entry(tag, 4, value) for tag, value in plain.items()}
    every |= {int.from_bytes(entry[:2], "little"): entry for entry in entries}
    directory = struct.pack("<H", len(every)) + b"".join(every[tag] for tag in sorted(every)) + bytes(4)
    return b"II*\x00" + struct.pack("<I", 8 + 4096) + bytes([90]) * 4096 + directory


def directories(position: int, count: int) -> bytes:
    """The rest of a TIFF from the pointer at `position` on: a chain of empty directories."""
    first = position + 4
    return b"".join(struct.pack("<IH", first + 6 * number, 0) for number in range(count)) + bytes(4)


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


def with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    found = image.copy()
    found.putalpha(alpha)
    return found


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` copies of the data with random bytes changed, removed or repeated; the same for the same seed."""
    generator = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(generator.choice((1, 2, 5, 20))):
            at = generator.randrange(len(changed))
            match generator.randrange(3):
                case 0:
                    changed[at] = generator.choice((0, 0xFF, 0x7F, 0x80, generator.randrange(256)))
                case 1:
                    del changed[at : at + generator.randrange(1, 40)]
                case _:
                    changed[at:at] = changed[at : at + generator.randrange(1, 40)]
            if not changed:
                break
        yield bytes(changed)


def media_box(name: bytes, content: bytes = b"") -> bytes:
    """A box of an ISO media file, such as HEIC and AVIF."""
    return struct.pack(">I", 8 + len(content)) + name + content


def declared_size(kind: str, width: int, height: int) -> bytes:
    """A HEIC or AVIF that claims to be larger than its pixels are."""
    data = encoded(drawing(), kind)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">2I", width, height) + data[at + 8 :]


def with_boxes(kind: str, *boxes: bytes) -> bytes:
    """A HEIC or AVIF with extra boxes after its first."""
    data = encoded(drawing(), kind)
    at = int.from_bytes(data[:4])
    return data[:at] + b"".join(boxes) + data[at:]
