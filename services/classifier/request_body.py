"""Parse a prediction request: the image's bytes, a form, or JSON with the image or a URL; and the parameters."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

from services.artifact import ScoreFunction
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.problems import (
    ImageUnsupported,
    InputAmbiguous,
    JsonInvalid,
    MediaTypeUnsupported,
    MultipartInvalid,
    ParameterInvalid,
)

FORM = "multipart/form-data"
# Media types of an image, as image/* is; the second is SageMaker's.
BINARY = {"application/octet-stream", "application/x-image"}
DEFAULT_TOP_K = 5
# The gateway passes the query on, credentials included.
CREDENTIALS = {"key", "api_key", "access_token"}
# The fields for the image or its URL; a request has one of them.
SOURCES = {"image", "inputs", "url"}
PARAMETERS = {"top_k", "function_to_apply"}
# From base64's URL-safe alphabet.
STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
MAX_PARTS = 20
MAX_PART_HEADERS = 8192
# A valid request has seven at most; the commas and brackets in its strings are counted too.
MAX_JSON_VALUES = 10_000
# Forms are parsed in pieces of this size, to check the size of a part's header before the decoder has read all of it.
FORM_PIECE = 1 << 16

# Names and values, as sent.
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PredictRequest:
    """Either `image` (its bytes) or `url` is set."""

    parameters: Parameters
    image: bytes | None = None
    url: str | None = None


def predict_request(content_type: str, body: bytes, query: Query, labels: int, scores: ScoreFunction) -> PredictRequest:
    """Parse a request to a model with `labels` labels that uses the function `scores` by default; raises a Problem."""
    parameters = query_parameters(query, labels, scores)
    media_type, options = parsed_media_type(content_type)
    if media_type == FORM:
        return PredictRequest(parameters, image=image_part(body, options.get("boundary", "")))
    if _is_json(media_type):
        if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise MediaTypeUnsupported("The charset of JSON should be UTF-8.")
        return _from_json(body, parameters, labels)
    return PredictRequest(parameters, image=body)


def is_plain_image(content_type: str) -> bool:
    """Whether the body is the image itself, neither a form nor JSON."""
    media_type, _ = parsed_media_type(content_type)
    return media_type != FORM and not _is_json(media_type)


def refuse_media_type(content_type: str, problem: ImageUnsupported) -> NoReturn:
    """For a body that is not an image: raise MediaTypeUnsupported if its media type is no image's, else `problem`."""
    media_type, _ = parsed_media_type(content_type)
    if media_type and not media_type.startswith("image/") and media_type not in BINARY:
        raise MediaTypeUnsupported(
            "Send an image's bytes, multipart/form-data with one `image` part, or JSON with `url` or `inputs`."
        ) from problem
    raise problem


@lru_cache(maxsize=32)
def parsed_media_type(content_type: str) -> tuple[str, dict[str, str]]:
    """The media type in lower case, and its options."""
    media_type, options = parse_options_header(content_type)
    return media_type.lower(), options


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def query_parameters(query: Query, labels: int, scores: ScoreFunction) -> Parameters:
    given = dict(query)
    if SOURCES & given.keys():
        raise InputAmbiguous("Send the image or its URL in the body, not in the query.")
    if unknown := sorted(given.keys() - CREDENTIALS - PARAMETERS):
        raise ParameterInvalid(
            f"`{_shown(unknown[0])}` is not a query parameter; the parameters are `top_k` and `function_to_apply`."
        )
    names = [name for name, _ in query]
    if twice := [name for name in PARAMETERS if names.count(name) > 1]:
        raise ParameterInvalid(f"`{twice[0]}` should be sent once.")
    top_k = given.get("top_k", str(DEFAULT_TOP_K))
    if not re.fullmatch(r"[0-9]{1,4000}", top_k):
        raise _wrong_top_k()
    return Parameters(_top_k(int(top_k), labels), _function(given.get("function_to_apply", scores)))


def _top_k(value: Any, labels: int) -> int:
    if type(value) is not int or value < 1:
        raise _wrong_top_k()
    return min(value, labels)


def _wrong_top_k() -> ParameterInvalid:
    return ParameterInvalid("`top_k` should be one whole number, at least 1.")


def _function(value: Any) -> ScoreFunction:
    if not isinstance(value, str) or value not in FUNCTIONS:
        raise ParameterInvalid(f"`function_to_apply` should be one of {', '.join(FUNCTIONS)}.")
    return value


def image_part(body: bytes, boundary: str, allowed: Sequence[str] = ("image",)) -> bytes:
    """The content of the only part of a form, which should have an allowed name; raises a Problem."""
    if not boundary:
        raise MediaTypeUnsupported("The Content-Type multipart/form-data should have a boundary.")
    parts = _parts(body, boundary)
    names = [name for name, _ in parts]
    if len(names) != 1 or names[0] not in allowed:
        form = f"The form should have exactly one part, named {' or '.join(f'`{name}`' for name in allowed)}"
        if set(names) <= SOURCES:
            raise InputAmbiguous(f"{form}; send a URL as JSON.")
        raise MultipartInvalid(f"{form}.")
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
    encoding = part.headers.get("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in ("7bit", "8bit", "binary"):
        raise MultipartInvalid("The part `image` should contain the image's bytes, without an encoding.")
    if part.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
        raise MultipartInvalid("The part `image` should contain an image, not a multipart body.")


def _too_large_a_header() -> MultipartInvalid:
    return MultipartInvalid(f"The header of a part is larger than {MAX_PART_HEADERS:,} bytes.")


def _from_json(body: bytes, parameters: Parameters, labels: int) -> PredictRequest:
    document = json_object(body)
    if not document:
        raise JsonInvalid("The JSON should have `url` or `inputs`.")
    if unknown := sorted(document.keys() - {"url", "inputs", "parameters"}):
        raise JsonInvalid(f"`{_shown(unknown[0])}` is not a field; the fields are `url`, `inputs` and `parameters`.")
    if ("url" in document) == ("inputs" in document):
        raise InputAmbiguous("Send either `url` or `inputs`.")
    parameters = json_parameters(document.get("parameters"), parameters, labels)
    if "url" in document:
        return PredictRequest(parameters, url=json_url(document["url"]))
    if not isinstance(document["inputs"], str):
        raise JsonInvalid("`inputs` should be the image as a base64 string.")
    return PredictRequest(parameters, image=decoded_base64(document["inputs"], "inputs"))


def json_url(value: Any) -> str:
    """The URL in a JSON value; an invalid one becomes an empty URL."""
    url = value if isinstance(value, str) else ""
    if re.search("[\ud800-\udfff]", url):
        raise JsonInvalid("The JSON contains an unpaired surrogate.")
    return url


def decoded_base64(text: str, field: str) -> bytes:
    """The bytes of base64 or of a `data:` URI; `field` is its name in error messages.

    Line breaks are ignored, the alphabet may be the URL-safe one, and the padding may be missing.
    """
    if text[:5].lower() == "data:":
        kind, comma, text = text.partition(",")
        if not comma or not kind.lower().endswith(";base64"):
            raise JsonInvalid(f"A `data:` URI in `{field}` should be in base64: `data:image/png;base64,…`.")
    try:
        encoded = text.encode("ascii").translate(STANDARD_ALPHABET, b"\r\n")
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError as err:
        raise JsonInvalid(f"`{field}` is not base64.") from err


def json_parameters(given: Any, parameters: Parameters, labels: int) -> Parameters:
    if given is None:
        return parameters
    if not isinstance(given, dict):
        raise ParameterInvalid("`parameters` should be an object.")
    if unknown := sorted(given.keys() - PARAMETERS):
        raise ParameterInvalid(
            f"`{_shown(unknown[0])}` is not a parameter; the parameters are `top_k` and `function_to_apply`."
        )
    top_k, function = given.get("top_k"), given.get("function_to_apply")
    return Parameters(
        parameters.top_k if top_k is None else _top_k(top_k, labels),
        parameters.function if function is None else _function(function),
    )


def json_object(body: bytes) -> Mapping[str, Any]:
    # Building millions of values would hold up every other request.
    if body.count(b",") > MAX_JSON_VALUES or body.count(b"[") + body.count(b"{") > MAX_JSON_VALUES:
        raise JsonInvalid("The JSON has too many values.")
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _DuplicateKey as err:
        raise (InputAmbiguous if err.key in SOURCES else JsonInvalid)("The JSON contains a duplicate key.") from err
    except RecursionError as err:
        raise JsonInvalid("The JSON is nested too deeply.") from err
    except ValueError as err:
        raise JsonInvalid("The body is not valid JSON in UTF-8.") from err
    if not isinstance(document, dict):
        raise JsonInvalid("The JSON should be an object.")
    return document


class _DuplicateKey(ValueError):
    def __init__(self, key: str) -> None:
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKey(key)
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _shown(name: str) -> str:
    """A name from the request, shortened, its special characters replaced."""
    return re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40]
