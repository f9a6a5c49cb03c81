"""Pictures on their way from a visitor to the models.

The page never decodes one: the visitor's browser does, and the services do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"
# Where the page serves them.
SAMPLES_PATH = "/samples"
# Of one picture, as the browser sends it: smaller ones as they are, larger ones downscaled; what the browser cannot
# read comes as it is, up to this size.
LARGEST = 10 * 1024 * 1024
# Of one visitor.
MOST = 200
MOST_BYTES = 64 * 1024 * 1024
LONGEST_URL = 2000
LONGEST_NAME = 120


@dataclass(frozen=True)
class Picture:
    """A picture: its bytes, or the address from which the services fetch it.

    `preview` is an address that an <img> may show, or "". What was uploaded is shown by the visitor's browser, which
    has it already and knows it by its `handle`.
    """

    id: str
    name: str
    data: bytes = field(default=b"", repr=False)
    url: str = ""
    preview: str = ""
    handle: str = ""
    sent_as: str = "image/jpeg"
    # What the visitor's own file was, where the browser made it smaller.
    original_bytes: int = 0

    @property
    def question(self) -> bytes | str:
        """What is sent to a model."""
        return self.url or self.data


class PictureRefused(Exception):
    """A picture that the page does not take; `reason` is a key of the page's texts."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


def uploaded(entry: Any) -> Picture:
    """One picture as the page's own picture input sends it: {"name", "data", "handle", "original"}.

    Everything in it is a stranger's word: PictureRefused for what is not of that form, or too large.
    """
    if not isinstance(entry, dict):
        raise PictureRefused("refused_form")
    name = short_name(str(entry.get("name", "")))
    encoded = entry.get("data")
    original = entry.get("original")
    if not isinstance(encoded, str) or not encoded:
        # The browser does not send what is too large, only how large it is.
        large = isinstance(original, int) and original > LARGEST
        raise PictureRefused("refused_size" if large else "refused_empty", name)
    if len(encoded) > LARGEST * 4 // 3 + 4:
        raise PictureRefused("refused_size", name)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as err:
        raise PictureRefused("refused_form", name) from err
    return Picture(
        id=hashlib.sha256(data).hexdigest(),
        name=name,
        data=data,
        handle=str(entry.get("handle", ""))[:40],
        sent_as=_media_type(data),
        original_bytes=original if isinstance(original, int) and original > len(data) else 0,
    )


def at_address(url: str) -> Picture:
    """The picture at a visitor's address. PictureRefused for what is no web address; the services judge the rest."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(url) > LONGEST_URL or any(ord(letter) <= 32 for letter in url):
        raise PictureRefused("refused_url")
    name = short_name(PurePath(parts.path).name) if PurePath(parts.path).name else parts.hostname or url
    return Picture(id=hashlib.sha256(b"url " + url.encode()).hexdigest(), name=name, url=url, preview=url)


def sample(name: str) -> Picture | None:
    """The sample of that name, or None."""
    file = SAMPLES / f"{name}.jpg"
    if name not in sample_names():
        return None
    data = file.read_bytes()
    return Picture(
        id=hashlib.sha256(data).hexdigest(),
        name=file.name,
        data=data,
        preview=f"{SAMPLES_PATH}/{file.name}",
    )


def sample_names() -> list[str]:
    """The samples there are."""
    return sorted(file.stem for file in SAMPLES.glob("*.jpg"))


def bounded(pictures: Iterable[Picture]) -> list[Picture]:
    """The pictures, each once, as many as one visitor may keep."""
    kept: dict[str, Picture] = {}
    size = 0
    for picture in pictures:
        size += len(picture.data)
        if len(kept) >= MOST or size > MOST_BYTES:
            break
        kept.setdefault(picture.id, picture)
    return list(kept.values())


def short_name(name: str) -> str:
    """The last part of a file's name, without control characters, of a length one can show."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(letter for letter in last if letter.isprintable()).strip()
    return clean[-LONGEST_NAME:] or "picture"


def _media_type(data: bytes) -> str:
    """The media type that the first bytes tell."""
    for head, media_type in {
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG": "image/png",
        b"GIF8": "image/gif",
        b"BM": "image/bmp",
    }.items():
        if data.startswith(head):
            return media_type
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else "application/octet-stream"
