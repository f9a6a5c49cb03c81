"""Parse a prediction request: the image's bytes, a form, or JSON with the image or a URL; and the parameters."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

from services.artifact import ScoreFunction
from services.classifier.not_an_image import FORM_URLENCODED, SEND_BINARY
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.problems import (
    ContentEncodingUnsupported,
    InputAmbiguous,
    JsonInvalid,
    MediaTypeUnsupported,
    MultipartInvalid,
    ParameterInvalid,
)

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
    """Either `image` (its bytes) or `url` is set.

    `place` is where the image was in the request, and `media_type` what it was declared as.
    """

    parameters: Parameters
    image: bytes | None = None
    url: str | None = None
    place: str = field(default="The body", compare=False)
    media_type: str = field(default="", compare=False)


def predict_request(content_type: str, body: bytes, query: Query, labels: int, scores: ScoreFunction) -> PredictRequest:
    """Parse a request to a model with `labels` labels that uses the function `scores` by default; raises a Problem."""
    parameters = _query_parameters(query, labels, scores)
    media_type, options = _media_type(content_type)
    if media_type == "multipart/form-data":
        return PredictRequest(parameters, _image_part(body, options.get("boundary", "")), place="The part `image`")
    if _is_json(media_type):
        if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise MediaTypeUnsupported("The charset of JSON should be UTF-8.")
        return _from_json(body, parameters, labels)
    if media_type == FORM_URLENCODED and body and not re.search(rb"[\r\n\0]", body):
        # No image is without these bytes, and `curl -d` removes them. The rest could be decoded into a wrong image.
        raise MediaTypeUnsupported(f"The body is not an image's bytes. {SEND_BINARY}")
    return PredictRequest(parameters, body, media_type=media_type)


def is_plain_image(content_type: str) -> bool:
    """Whether the body is the image itself, neither a form nor JSON."""
    media_type, _ = _media_type(content_type)
    return media_type != "multipart/form-data" and not _is_json(media_type)


def require_uncompressed(content_encoding: str) -> None:
    """Raise ContentEncodingUnsupported unless the header is empty or `identity`."""
    coding = content_encoding.strip()
    if coding.lower() not in ("", "identity"):
        raise ContentEncodingUnsupported(
            f"The Content-Encoding `{_shown(coding)}` is not supported; send the body uncompressed."
        )


@lru_cache(maxsize=32)
def _media_type(content_type: str) -> tuple[str, dict[str, str]]:
    media_type, options = parse_options_header(content_type)
    return media_type.lower(), options


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _query_parameters(query: Query, labels: int, scores: ScoreFunction) -> Parameters:
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


def _image_part(body: bytes, boundary: str) -> bytes:
    if not boundary:
        raise MediaTypeUnsupported(
            "The Content-Type multipart/form-data should have a boundary; clients add it if you set no Content-Type."
        )
    if not body:
        raise MultipartInvalid("The body is empty; it should have one part, named `image`.")
    parts = _parts(body, boundary)
    names = [name for name, _ in parts]
    if set(names) <= SOURCES and names != ["image"]:
        raise InputAmbiguous("The form should have exactly one part, named `image`; send a URL as JSON.")
    if names != ["image"]:
        found = ", ".join(f"`{_shown(name or '')}`" for name in names[:3]) or "none"
        raise MultipartInvalid(f"The form should have exactly one part, named `image`; it has {found}.")
    if not parts[0][1]:
        raise MultipartInvalid("The part `image` is empty.")
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
    document = _json_object(body)
    if not document:
        raise JsonInvalid("The JSON should have `url` or `inputs`.")
    if "instances" in document:
        raise JsonInvalid("`instances` is not a field of this route; send one image in base64 as `inputs`.")
    if unknown := sorted(document.keys() - {"url", "inputs", "parameters"}):
        raise JsonInvalid(f"`{_shown(unknown[0])}` is not a field; the fields are `url`, `inputs` and `parameters`.")
    if ("url" in document) == ("inputs" in document):
        raise InputAmbiguous("Send either `url` or `inputs`.")
    parameters = _json_parameters(document.get("parameters"), parameters, labels)
    if "url" in document:
        url = document["url"] if isinstance(document["url"], str) else ""
        if re.search("[\ud800-\udfff]", url):
            raise JsonInvalid("The JSON contains an unpaired surrogate.")
        return PredictRequest(parameters, url=url)
    if not isinstance(document["inputs"], str):
        raise JsonInvalid("`inputs` should be the image as a base64 string.")
    media_type, text = _data_uri(document["inputs"])
    return PredictRequest(parameters, _decoded(text), place="`inputs`", media_type=media_type)


def _data_uri(text: str) -> tuple[str, str]:
    """The media type and the base64 of a `data:` URI; other text has no media type."""
    if text[:5].lower() != "data:":
        return "", text
    kind, comma, encoded = text[5:].partition(",")
    if not comma or not kind.lower().endswith(";base64"):
        raise JsonInvalid("A `data:` URI in `inputs` should be in base64: `data:image/png;base64,…`.")
    return _media_type(kind)[0], encoded


def _decoded(text: str) -> bytes:
    """The bytes of base64. Line breaks are ignored, the alphabet may be URL-safe, and the padding may be missing."""
    try:
        encoded = text.encode("ascii").translate(STANDARD_ALPHABET, b"\r\n")
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError as err:
        remedy = "send a URL as `url`" if re.match("https?:", text) else "encode the image's bytes"
        raise JsonInvalid(f"`inputs` is not base64; {remedy}.") from err


def _json_parameters(given: Any, parameters: Parameters, labels: int) -> Parameters:
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


def _json_object(body: bytes) -> Mapping[str, Any]:
    if not body:
        raise JsonInvalid("The body is empty; it should be JSON with `url` or `inputs`.")
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
        raise JsonInvalid("The JSON should be an object with `url` or `inputs`.")
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
