"""Hostile images and the response each must get.

Case numbers are those of docs/hostile.md.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.harness.image_files import (
    animated,
    bilevel_png,
    bmp_header,
    broken_animation,
    chained_directories,
    chunk,
    commented_jpeg,
    declared_size,
    directories,
    drawing,
    encoded,
    gif_header,
    gradient,
    huge,
    jpeg,
    many_scans,
    media_box,
    noise,
    packed_zeros,
    plain_png,
    png,
    tiff,
    tiff_entry,
    truncated,
    webp_canvas,
    with_alpha,
    with_boxes,
    with_exif,
    without_end,
    wrong_checksum,
    zero_height,
)

MAX_BODY = 10 * 2**20
SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>"""
LAB_PROFILE = struct.pack(">I4sI4s4s4s", 132, b"none", 0x4000000, b"mntr", b"Lab ", b"XYZ ") + bytes(12) + b"acsp"
QUICK_HEIC = {"quality": 40, "chroma": 444, "enc_params": {"preset": "ultrafast"}}
QUICK_AVIF = {"quality": 50, "subsampling": "4:2:2", "speed": 10}
ONE_STRIP = {"compression": "tiff_adobe_deflate", "strip_size": 1 << 30}
QUICK_WEBP = {"lossless": True, "quality": 0, "method": 0}
SLOW_JPEG = {"progressive": True, "subsampling": 0, "quality": 90}


@dataclass(frozen=True)
class HostileImage:
    """A case's image, made on demand, and the expected status and error code (none for 200)."""

    case: int
    name: str
    made: Callable[[], bytes]
    status: int
    code: str = ""

    def __str__(self) -> str:
        return f"{self.case}-{self.name}"


def _unsupported() -> Iterator[HostileImage]:
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
        "jpeg-xl": lambda: b"\xff\x0a" + noise(500),
        "12-bit-jpeg": lambda: jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"),
        "ios-png": lambda: encoded(drawing(), "PNG").replace(
            b"\x00\x00\x00\rIHDR", chunk(b"CgBI", bytes(4)) + b"\x00\x00\x00\rIHDR"
        ),
        "jpeg-2000-in-heif": lambda: encoded(drawing(), "HEIF").replace(b"hvc1", b"j2k1"),
        "raw-tiff": lambda: tiff(tiff_entry(50706, 4, 1)),
        "ico": lambda: encoded(drawing(), "ICO"),
        "psd": lambda: b"8BPS\x00\x01" + bytes(60),
        "jpeg-2000": lambda: encoded(drawing(), "JPEG2000"),
        "tga": lambda: encoded(drawing(), "TGA"),
        "avi": lambda: b"RIFF\x00\x00\x00\x00AVI " + bytes(20),
    }
    for name, made in contents.items():
        yield HostileImage(22, name, made, 415, "image_unsupported")


def _too_large() -> Iterator[HostileImage]:
    contents: dict[str, Callable[[], bytes]] = {
        "valid-png-of-144-megapixels": lambda: bilevel_png(12_000, 12_000),
        "png-65535": lambda: png(65_535, 65_535),
        "png-2-to-the-31": lambda: png(2**31 - 1, 2**31 - 1),
        "gif-65535": lambda: gif_header(65_535, 65_535),
        "webp-16384": lambda: webp_canvas(16_384),
        "webp-2-to-the-24": lambda: webp_canvas(2**24),
        "bmp-huge": lambda: bmp_header(2**31 - 1, 2**31 - 1),
        "tiff-huge": lambda: tiff(tiff_entry(256, 4, 2**31 - 1), tiff_entry(257, 4, 2**31 - 1)),
        "heic-huge": lambda: declared_size("HEIF", 65_535, 65_535),
        "avif-huge": lambda: declared_size("AVIF", 65_535, 65_535),
        "heic-12000": lambda: declared_size("HEIF", 12_000, 12_000),
        "avif-12000": lambda: declared_size("AVIF", 12_000, 12_000),
    }
    for name, made in contents.items():
        yield HostileImage(24, name, made, 422, "image_too_many_pixels")
    for width, height in [(5000, 5000), (10_000, 2500), (1, 10_000), (10_000, 1)]:
        yield HostileImage(25, f"{width}x{height}", partial(bilevel_png, width, height), 200)
    for width, height in [(5000, 5001), (10_001, 1), (1, 10_001), (10_001, 2499)]:
        yield HostileImage(25, f"{width}x{height}", partial(bilevel_png, width, height), 422, "image_too_many_pixels")
    yield HostileImage(25, "largest-body", lambda: jpeg() + bytes(MAX_BODY - len(jpeg())), 200)
    yield HostileImage(25, "larger-body", lambda: jpeg() + bytes(MAX_BODY + 1 - len(jpeg())), 413, "body_too_large")
    yield HostileImage(26, "many-scans", many_scans, 422, "image_too_complex")


def _bombs() -> Iterator[HostileImage]:
    yield HostileImage(
        27, "text-of-64-mib", lambda: plain_png(chunk(b"zTXt", b"a\x00\x00" + packed_zeros(1 << 26))), 200
    )
    yield HostileImage(
        27, "profile-of-64-mib", lambda: plain_png(chunk(b"iCCP", b"a\x00\x00" + packed_zeros(1 << 26))), 200
    )
    yield HostileImage(
        27, "20000-texts", lambda: plain_png(*[chunk(b"tEXt", b"k%d\x00v" % n) for n in range(20_000)]), 200
    )
    yield HostileImage(
        27, "garbage-directory", lambda: with_exif(b"II*\x00\x08\x00\x00\x00\xff\xff" + noise(3000)), 200
    )
    yield HostileImage(27, "circular-directories", chained_directories, 200)
    for kind in ("HEIF", "AVIF"):
        boxes = partial(with_boxes, kind, *[media_box(b"free")] * 200_000)
        yield HostileImage(27, f"200000-boxes-{kind.lower()}", boxes, 422, "image_corrupt")
    metadata = [tiff_entry(40_000 + number, 1, 8, 2**23) for number in range(2000)]
    yield HostileImage(27, "2000-tags-of-8-mib", lambda: tiff(*metadata) + bytes(2**23), 200)
    yield HostileImage(27, "100000-directories", lambda: tiff()[:-4] + directories(4100, 100_000), 200)
    yield HostileImage(27, "16-million-strips", lambda: tiff(tiff_entry(273, 4, 8, 2**24)), 422, "image_too_complex")
    yield HostileImage(27, "noise-for-a-profile", lambda: encoded(drawing(), "JPEG", icc_profile=noise(5000)), 200)
    yield HostileImage(27, "lab-profile-on-rgb", lambda: encoded(drawing(), "PNG", icc_profile=LAB_PROFILE), 200)


def _damaged() -> Iterator[HostileImage]:
    contents: dict[str, Callable[[], bytes]] = {
        "half-a-jpeg": lambda: jpeg()[: len(jpeg()) // 2],
        "png-cut-in-its-pixels": lambda: truncated("PNG"),
        "png-with-a-wrong-checksum": wrong_checksum,
        "no-pixels": lambda: png(0, 0),
        "no-height": zero_height,
        "gif-without-pixels": lambda: gif_header(0, 0),
        **{
            f"half-a-{kind.lower()}": partial(truncated, kind)
            for kind in ("WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
        },
        "half-an-lzw-tiff": partial(truncated, "TIFF", compression="tiff_lzw"),
        "heic-of-5000": lambda: declared_size("HEIF", 5000, 5000),
    }
    for name, made in contents.items():
        yield HostileImage(28, name, made, 422, "image_corrupt")
    # All its pixels are present.
    yield HostileImage(28, "png-without-its-end", without_end, 200)
    # The first frame is intact.
    yield HostileImage(28, "broken-second-frame", broken_animation, 200)


def _odd() -> Iterator[HostileImage]:
    yield HostileImage(29, "png-and-zip", lambda: encoded(drawing(), "PNG") + b"PK\x03\x04" + noise(500), 200)
    yield HostileImage(29, "png-and-php", lambda: encoded(drawing(), "PNG") + b"<?php system('id');", 200)
    yield HostileImage(29, "jpeg-with-html", commented_jpeg, 200)
    yield HostileImage(29, "trailing-mebibyte", lambda: jpeg() + noise(1 << 20), 200)
    yield HostileImage(30, "gif-of-3000", lambda: animated("GIF", 3000), 200)
    yield HostileImage(30, "png-of-500", lambda: animated("PNG", 500), 200)
    yield HostileImage(30, "webp-of-50", lambda: animated("WEBP", 50), 200)
    for width, height in [(1, 1), (1, 5000), (5000, 1), (3, 1), (2, 2)]:
        yield HostileImage(33, f"{width}x{height}", partial(encoded, gradient(width, height), "PNG"), 200)


def _largest() -> Iterator[HostileImage]:
    """The largest accepted image, in the encodings that take the most memory or time to decode."""
    alpha = huge().getchannel("R")
    yield HostileImage(64, "largest-png", lambda: encoded(with_alpha(huge(), alpha), "PNG", compress_level=1), 200)
    yield HostileImage(64, "largest-webp", lambda: encoded(with_alpha(huge(), alpha), "WEBP", **QUICK_WEBP), 200)
    yield HostileImage(64, "largest-jpeg", lambda: encoded(huge().convert("CMYK"), "JPEG", **SLOW_JPEG), 200)
    yield HostileImage(64, "largest-heic", lambda: encoded(huge(), "HEIF", **QUICK_HEIC), 200)
    yield HostileImage(64, "largest-avif", lambda: encoded(with_alpha(huge(), alpha), "AVIF", **QUICK_AVIF), 200)
    yield HostileImage(64, "largest-tiff", lambda: encoded(with_alpha(huge(), alpha), "TIFF", **ONE_STRIP), 200)
    yield HostileImage(64, "largest-gif", lambda: encoded(huge().convert("P"), "GIF"), 200)


def hostile_images() -> list[HostileImage]:
    """Cases 22, 24 to 30, and 33."""
    return [*_unsupported(), *_too_large(), *_bombs(), *_damaged(), *_odd()]


def largest_images() -> list[HostileImage]:
    """Case 64; each takes about a second to build."""
    return list(_largest())
