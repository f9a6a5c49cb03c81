"""The media types of images that are read."""

from __future__ import annotations

from typing import Final

MEDIA_TYPES: Final = [f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "bmp", "heic", "heif", "avif", "tiff")]
