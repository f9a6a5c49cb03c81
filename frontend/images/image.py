"""An image from a visitor: uploaded, at a URL, or one of the samples.

The page never decodes images. The visitor's browser and the services do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

# Where the page serves the samples, relative to its root: a proxy may add a prefix.
SAMPLES_PATH = "samples"
# Bytes of one image. The browser sends what it cannot decode unchanged, up to this size.
MAX_BYTES = 10 * 1024 * 1024
# Per visitor.
MAX_IMAGES = 200
MAX_TOTAL_BYTES = 64 * 1024 * 1024
# Per visitor, of files that the browser could not decode and so could not reduce.
MAX_UNDECODED_BYTES = 24 * 1024 * 1024
EXTENSIONS = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/bmp": (".bmp",),
    "image/heic": (".heic", ".heif"),
    "image/avif": (".avif",),
    "image/tiff": (".tiff", ".tif"),
}
IMAGE_EXTENSIONS = {each for extensions in EXTENSIONS.values() for each in extensions}
# Patterns of the first bytes. HEIC and AVIF have a brand, which tells them from videos.
SIGNATURES = {
    rb"\xff\xd8\xff": "image/jpeg",
    rb"\x89PNG": "image/png",
    rb"GIF8": "image/gif",
    rb"BM": "image/bmp",
    rb"RIFF....WEBP": "image/webp",
    rb"....ftypavi[fs]": "image/avif",
    rb"....ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)": "image/heic",
    rb"II\*\0|MM\0\*": "image/tiff",
}
UNKNOWN_TYPE = "application/octet-stream"
# The services refuse longer ones.
MAX_URL_LENGTH = 8192
MAX_NAME_LENGTH = 120


@dataclass(frozen=True)
class Image:
    """An image's bytes, or the URL from which the services fetch it.

    `preview` is the `src` of an <img>, or "". The visitor's browser keeps the previews of uploads; `handle` is its key.
    `original_bytes` is the file's size if the browser reduced the image, else 0.
    """

    id: str
    name: str
    data: bytes = field(default=b"", repr=False)
    url: str = ""
    preview: str = ""
    handle: str = ""
    media_type: str = "image/jpeg"
    original_bytes: int = 0

    @property
    def folder(self) -> str:
        """The folder that the file was given in, or ""."""
        return self.name.rpartition("/")[0]

    @property
    def file_name(self) -> str:
        """The name with the extension of the bytes, which the browser may have encoded anew."""
        path = PurePath(PurePath(self.name).name)
        extensions = EXTENSIONS.get(self.media_type, ())
        if not extensions or path.suffix.lower() in extensions or path.suffix.lower() not in IMAGE_EXTENSIONS:
            return path.name
        return f"{path.stem}{extensions[0]}"

    @property
    def payload(self) -> bytes | str:
        """What is sent to a model: the URL, or the bytes."""
        return self.url or self.data


# The reasons for which the browser refuses a file without sending it.
BROWSER_REFUSALS = frozenset({"refused_empty", "refused_type", "refused_size", "refused_count", "refused_unreadable"})


class ImageRefused(Exception):
    """The page does not accept this image; `reason` is the key of a text."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


def from_upload(item: Any) -> Image:
    """An image from the image input, {"name", "data", "handle", "original"}, or {"name", "refused"}. Untrusted:
    ImageRefused if malformed.
    """
    if not isinstance(item, dict):
        raise ImageRefused("refused_form")
    name = short_name(str(item.get("name", "")))
    encoded, original, refused = item.get("data"), item.get("original"), item.get("refused")
    if isinstance(refused, str) and refused in BROWSER_REFUSALS:
        raise ImageRefused(refused, name)
    if not isinstance(encoded, str) or not encoded:
        raise ImageRefused("refused_empty", name)
    if len(encoded) > MAX_BYTES * 4 // 3 + 4:
        raise ImageRefused("refused_size", name)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as err:
        raise ImageRefused("refused_form", name) from err
    if _media_type(data) == UNKNOWN_TYPE:
        raise ImageRefused("refused_type", name)
    return Image(
        id=hashlib.sha256(data).hexdigest(),
        name=name,
        data=data,
        handle=str(item.get("handle", ""))[:40],
        media_type=_media_type(data),
        original_bytes=original if isinstance(original, int) and original > len(data) else 0,
    )


def from_url(url: str) -> Image:
    """The image at a URL; ImageRefused unless it is an http(s) URL. The services check the rest."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid or any(ord(letter) <= 32 for letter in url):
        raise ImageRefused("refused_url")
    if len(url) > MAX_URL_LENGTH:
        raise ImageRefused("refused_url_length")
    file = PurePath(parts.path).name
    name = short_name(file) if file else parts.hostname or url
    return Image(id=hashlib.sha256(b"url " + url.encode()).hexdigest(), name=name, url=url, preview=url)


def sample(name: str, folder: Path | None) -> Image | None:
    """The sample of that name, or None."""
    file = sample_files(folder).get(name)
    if file is None:
        return None
    data = file.read_bytes()
    return Image(hashlib.sha256(data).hexdigest(), file.name, data, preview=f"{SAMPLES_PATH}/{file.name}")


def sample_files(folder: Path | None) -> dict[str, Path]:
    """The images in the folder of samples, by their names, which are those of the files without extension."""
    files = sorted(folder.iterdir()) if folder else []
    return {file.stem: file for file in files if file.suffix.lower() in IMAGE_EXTENSIONS}


@dataclass(frozen=True)
class Budget:
    """How many bytes the page can keep for a visitor: in all, and of files that the browser could not decode."""

    total: int = MAX_TOTAL_BYTES
    undecoded: int = MAX_UNDECODED_BYTES


def limited(images: Iterable[Image], budget: Budget) -> tuple[list[Image], list[ImageRefused]]:
    """The images, and those that are refused: duplicates, and those beyond the limits of a visitor or of the page."""
    kept: dict[str, Image] = {}
    refused = []
    size = undecoded = 0
    for image in images:
        if image.id in kept:
            refused.append(ImageRefused("refused_twice", image.name))
            continue
        bytes_more, undecoded_more = len(image.data), 0 if image.handle or image.preview else len(image.data)
        if len(kept) >= MAX_IMAGES:
            refused.append(ImageRefused("refused_count", image.name))
        elif size + bytes_more > MAX_TOTAL_BYTES or undecoded + undecoded_more > MAX_UNDECODED_BYTES:
            refused.append(ImageRefused("refused_total", image.name))
        elif size + bytes_more > budget.total or undecoded + undecoded_more > budget.undecoded:
            refused.append(ImageRefused("refused_busy", image.name))
        else:
            size, undecoded = size + bytes_more, undecoded + undecoded_more
            kept[image.id] = image
    return list(kept.values()), refused


def short_name(name: str) -> str:
    """A file's name and that of its folder, without control characters, cut to MAX_NAME_LENGTH."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    clean = "".join(letter for letter in "/".join(parts[-2:]) if letter.isprintable()).strip()
    return clean[-MAX_NAME_LENGTH:] or "image"


def _media_type(data: bytes) -> str:
    """The media type, from the first bytes."""
    for pattern, media_type in SIGNATURES.items():
        if re.match(pattern, data, re.DOTALL):
            return media_type
    return UNKNOWN_TYPE
