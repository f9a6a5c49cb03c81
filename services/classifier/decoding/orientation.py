"""The orientation of an image, by the same rule in every format: of its Exif data, else of its XMP."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from services.classifier.decoding.tiff_directory import Directory

EXIF: Final = b"Exif\x00\x00"
ORIENTATION: Final = 0x0112
# The types of an entry with whole numbers: SHORT, LONG, and the same with a sign.
WHOLE_NUMBERS: Final = (3, 4, 8, 9)
XMP_ORIENTATION: Final = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\s*["'<]""")


def orientation(exif: Iterable[bytes], xmp: Iterable[bytes]) -> int:
    """1 to 8: the first valid one in the Exif segments, else in the XMP packets, else 1. A TIFF file is a segment."""
    for segment in exif:
        if found := _exif_orientation(segment):
            return found
    for packet in xmp:
        if match := XMP_ORIENTATION.search(packet):
            return int(match[1])
    return 1


def _exif_orientation(segment: bytes) -> int | None:
    while segment.startswith(EXIF):
        segment = segment[len(EXIF) :]
    if not (directory := Directory.first(segment)):
        return None
    for entry in directory.entries():
        if entry.tag == ORIENTATION and entry.kind in WHOLE_NUMBERS and entry.count:
            value = directory.integer(entry)
            return value if 1 <= value <= 8 else None
    return None
