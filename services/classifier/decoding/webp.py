"""Parse a WebP's header, and decode its first frame in less memory than `Image.open` takes."""

from __future__ import annotations

from PIL import Image, _webp

from services.classifier.problems import ImageCorrupt


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header; raises ImageCorrupt."""
    kind = data[12:16]
    if len(data) >= 30 and kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if len(data) >= 30 and kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if len(data) >= 25 and kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise ImageCorrupt("The WebP image is corrupt.")


def first_frame(data: bytes) -> tuple[Image.Image, bytes]:
    """The image, or the first frame of an animation, and its EXIF segment; raises OSError if it is corrupt."""
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    exif = decoder.get_chunk("EXIF") or b""
    pixels, _ = decoder.get_next()
    # Free the decoder's two copies of the image.
    del decoder
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1), exif
