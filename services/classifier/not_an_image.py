"""Error messages for requests with something else in place of an image: what it is, and how to send an image."""

from __future__ import annotations

import re
from typing import Final

from services.classifier.problems import ImageUnsupported, MediaTypeUnsupported

# Media types of an image, as image/* is; the second is SageMaker's.
BINARY: Final = {"application/octet-stream", "application/x-image"}
FORM_URLENCODED: Final = "application/x-www-form-urlencoded"
SEND: Final = "Send an image's bytes, multipart/form-data with one `image` part, or JSON with `url` or `inputs`."
SEND_BINARY: Final = (
    "With curl, send a file by `--data-binary @FILE`, because `-d` removes bytes from it, and JSON with"
    " `-H 'Content-Type: application/json'`."
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


def not_an_image(
    data: bytes, media_type: str, place: str, problem: ImageUnsupported
) -> ImageUnsupported | MediaTypeUnsupported:
    """The problem for `data` from `place` in a request, declared as `media_type`; `problem` is the decoder's."""
    suits_images = not media_type or media_type.startswith("image/") or media_type in BINARY
    kind = ImageUnsupported if suits_images else MediaTypeUnsupported
    if not data:
        return kind(f"{place} is empty. Send an image's bytes, with curl by `--data-binary @FILE`.")
    for pattern, name, remedy in TEXTS:
        if re.match(pattern, data[:1024], re.IGNORECASE):
            return kind(f"{place} is {name}, not an image; {remedy}.")
    if media_type == FORM_URLENCODED:
        return kind(f"{problem.detail} {SEND_BINARY}")
    if suits_images:
        return kind(problem.detail)
    declared = re.sub(r"[^\w/+.-]", "?", media_type, flags=re.ASCII)[:40]
    return kind(f"{place} is of type {declared}. {problem.detail} {SEND}")
