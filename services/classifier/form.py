"""The image in a form: `multipart/form-data` with a single part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from werkzeug.exceptions import HTTPException
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

from services.classifier.problems import InputAmbiguous, MediaTypeUnsupported, MultipartInvalid, shown

FORM = "multipart/form-data"
# The fields for the image or its URL; a request has one of them.
SOURCES = {"image", "inputs", "url"}
MAX_PARTS = 20
MAX_PART_HEADERS = 8192
# Forms are parsed in pieces of this size, to check the size of a part's header before the decoder has read all of it.
FORM_PIECE = 1 << 16


def image_part(body: bytes, boundary: str, allowed: Sequence[str] = ("image",)) -> bytes:
    """The content of the only part of a form, which should have one of the names `allowed`; raises a Problem."""
    named = f"named {' or '.join(f'`{name}`' for name in allowed)}"
    if not boundary:
        raise MediaTypeUnsupported(
            "The Content-Type multipart/form-data should have a boundary; clients add it if you set no Content-Type."
        )
    if not body:
        raise MultipartInvalid(f"The body is empty; it should have one part, {named}.")
    parts = _parts(body, boundary)
    names = [name for name, _ in parts]
    if len(names) != 1 or names[0] not in allowed:
        found = ", ".join(f"`{shown(name or '')}`" for name in names[:3]) or "none"
        remedy = (
            " Send a URL as JSON." if "url" in names else " Send parameters in the query." if "top_k" in names else ""
        )
        kind = InputAmbiguous if set(names) <= SOURCES else MultipartInvalid
        raise kind(f"The form should have exactly one part, {named}; it has {found}.{remedy}")
    if not parts[0][1]:
        raise MultipartInvalid(f"The part `{names[0]}` is empty.")
    return parts[0][1]


def _parts(body: bytes, boundary: str) -> list[tuple[str | None, bytes]]:
    """Names and contents of the parts; their file names and types are ignored."""
    parts: list[tuple[str | None, bytearray]] = []
    try:
        for event in _events(body, boundary):
            if isinstance(event, (Field, File)):
                _require_plain(event)
                parts.append((event.name, bytearray()))
            elif isinstance(event, Data):
                parts[-1][1].extend(event.data)
    except (ValueError, LookupError) as err:
        raise MultipartInvalid("The multipart body is malformed or incomplete.") from err
    except HTTPException as err:
        raise MultipartInvalid(f"The multipart body has more than {MAX_PARTS} parts.") from err
    return [(name, bytes(content)) for name, content in parts]


def _events(body: bytes, boundary: str) -> Iterator[Event]:
    """The events of Werkzeug's decoder; raises ValueError if the form is malformed or incomplete."""
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=MAX_PARTS)
    for start in range(0, len(body) + FORM_PIECE, FORM_PIECE):
        # None marks the end of the body.
        decoder.receive_data(body[start : start + FORM_PIECE] or None)
        while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
            yield event
        if decoder.state is State.PART and len(decoder.buffer) > MAX_PART_HEADERS:
            raise _too_large_a_header()


def _require_plain(part: Field | File) -> None:
    """Refuse a part that is encoded, is itself multipart, or has too large a header."""
    if sum(len(name) + len(value) for name, value in part.headers) > MAX_PART_HEADERS:
        raise _too_large_a_header()
    name = shown(part.name or "")
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in ("7bit", "8bit", "binary"):
        raise MultipartInvalid(f"The part `{name}` should contain the image's bytes, without an encoding.")
    if part.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
        raise MultipartInvalid(f"The part `{name}` should contain an image, not a multipart body.")


def _too_large_a_header() -> MultipartInvalid:
    return MultipartInvalid(f"The header of a part is larger than {MAX_PART_HEADERS:,} bytes.")
