"""TIFF: Pillow gets the first page, and of its tags only those that decoding needs."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from PIL import Image, TiffImagePlugin  # noqa: F401  # registers the plug-in; a worker cannot import it later

from services.classifier.decoding.orientation import orientation
from services.classifier.decoding.source import PILLOW_BYTES, Source, opened
from services.classifier.decoding.tiff_directory import Directory, Entry
from services.classifier.problems import ImageCorrupt, ImageTooComplex, ImageUnsupported

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, PLANES = 256, 257, 258, 259, 262, 284
DEPTHS: Final = range(1, 65)
# Up to L*a*b*; colour filters of cameras; LogL and LogLuv.
PHOTOMETRICS: Final = {*range(11), 32803, 32844, 32845, 34892}
WHITE_IS_ZERO: Final = 0
SEPARATE: Final = 2
UNCOMPRESSED: Final = 1
STRIP_OFFSETS, SAMPLES, STRIP_BYTES = 273, 277, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
COLOUR_MAP: Final = 320
JPEG_TABLES: Final = 347
XMP: Final = 700
DNG_VERSION: Final = 50706
# The tags of the size, strips and tiles, samples and colours, coding, and JPEG's tables.
NEEDED: Final = frozenset(
    (*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, COLOUR_MAP, *range(322, 326))
) | {332, 338, 339, JPEG_TABLES, *range(512, 522), *range(529, 533)}
# The most values of a tag: an offset for each tile of 16 × 16 pixels and each of three channels; of tables; of others.
MOST_OFFSETS: Final = 300_000
MOST_VALUES: Final = {COLOUR_MAP: 3 << 16, JPEG_TABLES: 1 << 16} | dict.fromkeys(
    (STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES), MOST_OFFSETS
)
MOST_OTHERS: Final = 1024
MAX_TILE: Final = 1 << 22


def tiff_source(data: bytes) -> Source:
    """Raises ImageUnsupported for a kind of TIFF that Pillow does not read, ImageTooComplex, or ImageCorrupt."""
    directory = Directory.first(data)
    entries = {entry.tag: entry for entry in reversed(list(directory.entries()))} if directory else {}
    if not directory or not {WIDTH, HEIGHT} <= entries.keys() or not {STRIP_OFFSETS, TILE_OFFSETS} & entries.keys():
        raise ImageCorrupt("The TIFF image is corrupt or truncated.")
    values = {tag: directory.integer(entry) for tag, entry in entries.items()}
    if DNG_VERSION in entries:
        raise ImageUnsupported("Camera raw (DNG) is not supported; save it as JPEG or PNG.")
    if values.get(TILE_WIDTH, 1) * values.get(TILE_HEIGHT, 1) > MAX_TILE:
        raise ImageTooComplex("The tiles of the TIFF are too large; save it as PNG.")
    plain = values.get(COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED
    if plain and values.get(PLANES) == SEPARATE and values.get(BITS, 1) > 8 and values.get(SAMPLES, 1) > 1:
        # Pillow would mix up the channels; libtiff, for the other compressions, does not.
        raise ImageUnsupported(f"{_variant(values)} in separate planes is not supported; save it as PNG.")
    try:
        image = opened("TIFF", _only_needed(directory, entries))
    except (OSError, KeyError) as err:
        if values.get(BITS, 1) not in DEPTHS or values.get(PHOTOMETRIC, 0) not in PHOTOMETRICS:
            raise ImageCorrupt("The TIFF image is corrupt.") from err
        raise ImageUnsupported(f"{_variant(values)} is not supported; save it as PNG.") from err
    if image.mode == "LAB":
        raise ImageUnsupported(f"{_variant(values)} (L*a*b*) is not supported; save it as PNG.")
    upright = orientation([data], [directory.value(entries[XMP])] if XMP in entries else [])
    cost = PILLOW_BYTES + -(-values.get(BITS, 1) * values.get(SAMPLES, 1) // 8)
    decoded = partial(_loaded, image, values.get(PHOTOMETRIC) == WHITE_IS_ZERO)
    return Source(image.width, image.height, upright, cost, decoded)


def _loaded(image: Image.Image, inverted: bool) -> Image.Image:
    """The decoded image. Pillow inverts 8 bits itself."""
    image.load()
    if inverted and image.mode.startswith("I;16"):
        return Image.fromarray(65535 - np.asarray(image).astype(np.uint16))
    return image


def _only_needed(directory: Directory, entries: dict[int, Entry]) -> bytes:
    """The file with fewer entries in its first directory, and no other directory; raises ImageTooComplex."""
    data, order, size = directory.data, directory.order, directory.entry_size
    needed = [entry for tag, entry in sorted(entries.items()) if tag in NEEDED]
    if any(entry.count > MOST_VALUES.get(entry.tag, MOST_OTHERS) for entry in needed):
        raise ImageTooComplex("The TIFF has too many strips, tiles or values; save it as PNG.")
    fewer = len(needed).to_bytes(directory.count_size, order)
    fewer += b"".join(data[entry.position : entry.position + size] for entry in needed) + bytes(directory.word)
    return data[: directory.position] + fewer + data[directory.position + len(fewer) :]


def _variant(values: dict[int, int]) -> str:
    return (
        f"TIFF with {values.get(SAMPLES, 1)} channels of {values.get(BITS, 1)} bits, compression"
        f" {values.get(COMPRESSION, 1)} and photometric interpretation {values.get(PHOTOMETRIC, 0)}"
    )
