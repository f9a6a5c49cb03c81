"""Parse a prediction request: the image's bytes, a form, or JSON with the image or a URL; and the parameters."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from werkzeug.http import parse_options_header

from services.artifact import ScoreFunction
from services.classifier.form import FORM, SOURCES, image_part
from services.classifier.not_an_image import FORM_URLENCODED, SEND_BINARY
from services.classifier.parameters import FUNCTIONS, Parameters
from services.classifier.problems import (
    ContentEncodingUnsupported,
    InputAmbiguous,
    JsonInvalid,
    MediaTypeUnsupported,
    ParameterInvalid,
    shown,
)

DEFAULT_TOP_K = 5
# The gateway passes the query on, credentials included.
CREDENTIALS = {"key", "api_key", "access_token"}
PARAMETERS = {"top_k", "function_to_apply"}
# From base64's URL-safe alphabet.
STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")
REMOVED_BY_CURL = re.compile(rb"[\r\n\0]")
IMAGE_START = re.compile(rb"\xff\xd8|\x89PNG|GIF8|RIFF")
# A valid request has seven at most; the commas and brackets in its strings are counted too.
MAX_JSON_VALUES = 10_000
# In a `data:` URI; parsing a longer one takes seconds, and the cache would keep it.
MAX_MEDIA_TYPE = 200

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
    parameters = query_parameters(query, labels, scores)
    media_type, options = parsed_media_type(content_type)
    if media_type == FORM:
        return PredictRequest(parameters, image_part(body, options.get("boundary", "")), place="The part `image`")
    if _is_json(media_type):
        if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise MediaTypeUnsupported("The charset of JSON should be UTF-8.")
        return _from_json(body, parameters, labels)
    if body and (media_type == FORM_URLENCODED or IMAGE_START.match(body)) and not REMOVED_BY_CURL.search(body):
        # No image is without these bytes. The rest could be decoded into a wrong image.
        raise MediaTypeUnsupported(f"The body is not an image's bytes. {SEND_BINARY}")
    return PredictRequest(parameters, body, media_type=media_type)


def is_plain_image(content_type: str) -> bool:
    """Whether the body is the image itself, neither a form nor JSON."""
    media_type, _ = parsed_media_type(content_type)
    return media_type != FORM and not _is_json(media_type)


def require_uncompressed(content_encoding: str) -> None:
    """Raise ContentEncodingUnsupported unless the header is empty or `identity`."""
    coding = content_encoding.strip()
    if coding.lower() not in ("", "identity"):
        raise ContentEncodingUnsupported(
            f"The Content-Encoding `{shown(coding)}` is not supported; send the body uncompressed."
        )


@lru_cache(maxsize=32)
def parsed_media_type(content_type: str) -> tuple[str, dict[str, str]]:
    """The media type in lower case, and its options."""
    media_type, options = parse_options_header(content_type)
    return media_type.lower(), options


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def query_parameters(query: Query, labels: int, scores: ScoreFunction) -> Parameters:
    """The parameters in the query, or their defaults; raises a Problem."""
    given = dict(query)
    if SOURCES & given.keys():
        raise InputAmbiguous("Send the image or its URL in the body, not in the query.")
    if unknown := sorted(given.keys() - CREDENTIALS - PARAMETERS):
        raise ParameterInvalid(
            f"`{shown(unknown[0])}` is not a query parameter; the parameters are `top_k` and `function_to_apply`."
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


def _from_json(body: bytes, parameters: Parameters, labels: int) -> PredictRequest:
    if IMAGE_START.match(body):
        raise JsonInvalid("The body is an image, not JSON; send it without `Content-Type: application/json`.")
    document = json_object(body)
    if not document:
        raise JsonInvalid("The JSON should have `url` or `inputs`.")
    if "instances" in document:
        raise JsonInvalid("`instances` is not a field of this route; send one image in base64 as `inputs`.")
    if outside := sorted(document.keys() & PARAMETERS):
        raise JsonInvalid(f"`{outside[0]}` should be inside `parameters`, or in the query.")
    if unknown := sorted(document.keys() - {"url", "inputs", "parameters"}):
        raise JsonInvalid(f"`{shown(unknown[0])}` is not a field; the fields are `url`, `inputs` and `parameters`.")
    if ("url" in document) == ("inputs" in document):
        raise InputAmbiguous("Send either `url` or `inputs`.")
    parameters = json_parameters(document.get("parameters"), parameters, labels)
    if "url" in document:
        return PredictRequest(parameters, url=json_url(document["url"]))
    if not isinstance(document["inputs"], str):
        raise JsonInvalid("`inputs` should be the image as a base64 string.")
    return base64_request(document["inputs"], parameters, "inputs")


def json_url(value: Any) -> str:
    """The URL in a JSON value; an invalid one becomes an empty URL."""
    url = value if isinstance(value, str) else ""
    if re.search("[\ud800-\udfff]", url):
        raise JsonInvalid("The JSON contains an unpaired surrogate.")
    return url


def base64_request(text: str, parameters: Parameters, field: str, *, urls: bool = True) -> PredictRequest:
    """The image in base64 or in a `data:` URI. For error messages: its name, and whether there may be URLs instead."""
    media_type = ""
    if text[:5].lower() == "data:":
        kind, comma, text = text[5:].partition(",")
        if not comma or len(kind) > MAX_MEDIA_TYPE or not kind.lower().endswith(";base64"):
            raise JsonInvalid(f"A `data:` URI in `{field}` should be in base64: `data:image/png;base64,…`.")
        media_type = parsed_media_type(kind)[0]
    return PredictRequest(parameters, _decoded_base64(text, field, urls), place=f"`{field}`", media_type=media_type)


def _decoded_base64(text: str, field: str, urls: bool) -> bytes:
    """The bytes of base64. Line breaks are ignored, the alphabet may be URL-safe, and the padding may be missing."""
    try:
        encoded = text.encode("ascii").translate(STANDARD_ALPHABET, b"\r\n")
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError as err:
        remedy = "send a URL as `url`" if urls and re.match("https?:", text) else "encode the image's bytes"
        raise JsonInvalid(f"`{field}` is not base64; {remedy}.") from err


def json_parameters(given: Any, parameters: Parameters, labels: int) -> Parameters:
    """`parameters`, with those that the JSON value `given` replaces; raises a Problem."""
    if given is None:
        return parameters
    if not isinstance(given, dict):
        raise ParameterInvalid("`parameters` should be an object.")
    if unknown := sorted(given.keys() - PARAMETERS):
        raise ParameterInvalid(
            f"`{shown(unknown[0])}` is not a parameter; the parameters are `top_k` and `function_to_apply`."
        )
    top_k, function = given.get("top_k"), given.get("function_to_apply")
    return Parameters(
        parameters.top_k if top_k is None else _top_k(top_k, labels),
        parameters.function if function is None else _function(function),
    )


def json_object(body: bytes) -> Mapping[str, Any]:
    """The object that is the body; raises a Problem."""
    if not body:
        raise JsonInvalid("The body is empty; it should be JSON.")
    # Building millions of values would hold up every other request.
    if body.count(b",") > MAX_JSON_VALUES or body.count(b"[") + body.count(b"{") > MAX_JSON_VALUES:
        raise JsonInvalid("The JSON has too many values; send an image as base64, not as numbers.")
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _DuplicateKey as err:
        raise (InputAmbiguous if err.key in SOURCES else JsonInvalid)("The JSON contains a duplicate key.") from err
    except RecursionError as err:
        raise JsonInvalid("The JSON is nested too deeply.") from err
    except ValueError as err:
        quotes = " Strings need double quotes." if re.match(rb"\s*\{\s*'", body) else ""
        raise JsonInvalid(f"The body is not valid JSON in UTF-8.{quotes}") from err
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
