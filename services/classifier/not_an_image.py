"""Error messages for bytes that are not a supported image: what they are instead, and how to send an image."""

from __future__ import annotations

import re
from typing import Final

from services.classifier.problems import FetchType, ImageUnsupported, MediaTypeUnsupported

FORM_URLENCODED: Final = "application/x-www-form-urlencoded"
SEND: Final = "Send an image's bytes, multipart/form-data with one `image` part, or JSON with `url` or `inputs`."
SEND_BINARY: Final = (
    "With curl, send a file by `--data-binary @FILE`, because `-d` removes bytes from it, and JSON with"
    " `-H 'Content-Type: application/json'`."
)
# The first bytes of files that are sent or found in place of supported images.
SIGNATURES: Final = (
    (rb"\s*<(!doctype html|html|head|body|script)", "an HTML page"),
    (rb"\s*<(.*?<)?svg[\s>]", "an SVG image"),
    (rb"\s*<(\?xml|[a-z!])", "XML or HTML"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"II\xbc\x01", "a JPEG XR image"),
    (rb"II[*+]\0|MM\0[*+]", "a TIFF image"),
    (rb".{4}ftypavi[fs]", "an AVIF image"),
    (rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", "a HEIF image"),
    (rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", "a video"),
    (rb"\0\0\x01\0", "an icon (ICO)"),
    (rb"8BPS", "a Photoshop document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip file"),
)
FILE_NAME: Final = rb"@?[^\0-\x1f]{1,250}\.(jpe?g|png|webp|gif|bmp|heic|avif|tiff?)\s*\Z"
# Text that is sent in place of an image, and the remedy.
TEXTS: Final = (
    (rb"\s*\{", "JSON", "send it with `Content-Type: application/json`"),
    (rb"--\S+\r?\nContent-", "a form", "send it with `Content-Type: multipart/form-data; boundary=…`"),
    (rb"\s*https?://\S+\s*\Z", "a URL", 'send it as JSON: `{"url": "https://…"}`'),
    (rb"\s*data:|(/9j/|iVBORw|R0lGOD|UklGR)[A-Za-z0-9+/_-]{9}", "base64", 'send it as JSON: `{"inputs": "…"}`'),
    (FILE_NAME, "a file's name", "with curl, write `@` before it"),
)


def file_type(data: bytes) -> str | None:
    """What a file is, with its article, from its first bytes; None if it is unknown."""
    start = data[:1024]
    return next((name for pattern, name in SIGNATURES if re.match(pattern, start, re.IGNORECASE | re.DOTALL)), None)


def not_an_image(
    data: bytes, media_type: str, place: str, problem: ImageUnsupported
) -> ImageUnsupported | MediaTypeUnsupported:
    """The problem for `data` from `place` in a request, declared as `media_type`; `problem` is the decoder's."""
    suits_images = not media_type or media_type.startswith("image/") or media_type == "application/octet-stream"
    kind = ImageUnsupported if suits_images else MediaTypeUnsupported
    if not data:
        return kind(f"{place} is empty. Send an image's bytes, with curl by `--data-binary @FILE`.")
    for pattern, name, remedy in TEXTS:
        if re.match(pattern, data[:1024], re.IGNORECASE):
            return kind(f"{place} is {name}, not an image; {remedy}.")
    if media_type == FORM_URLENCODED:
        return kind(f"{place} is not an image. {SEND_BINARY}")
    detail = problem.detail if suits_images else f"{place} is not an image. {SEND}"
    found = file_type(data)
    return kind(f"{place} is {found}. {detail}" if found else detail)


def not_fetched(data: bytes, problem: ImageUnsupported) -> FetchType:
    """The problem for `data` that a URL returned; `problem` is the decoder's."""
    name = file_type(data)
    return FetchType(f"The URL returned {name}. {problem.detail}" if name else f"At the URL: {problem.detail}")
