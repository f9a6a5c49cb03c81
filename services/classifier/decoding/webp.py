"""WebP: its size read from the header, and its first frame decoded in less memory than Pillow's own reader takes."""

from __future__ import annotations

from PIL import Image, _webp

from services.classifier.problems import ImageCorrupt


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height as the header has them; raises ImageCorrupt."""
    kind = data[12:16]
    if len(data) >= 30 and kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if len(data) >= 30 and kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if len(data) >= 25 and kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise ImageCorrupt("The WebP image is damaged.")


def first_frame(data: bytes) -> tuple[Image.Image, bytes]:
    """The picture, or the first of an animation, and EXIF's bytes; raises OSError for damage."""
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    exif = decoder.get_chunk("EXIF") or b""
    pixels, _ = decoder.get_next()
    # The decoder holds two pictures of its own.
    del decoder
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1), exif
