"""Which requests are accepted, and the error code of all others. Cases 20, 43 and 45 of the hostile inputs.

`test_form.py` and `test_parameters.py` have the rest.
"""

from __future__ import annotations

import base64
import json
import time
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.parameters import Parameters
from services.classifier.problems import ContentEncodingUnsupported, MediaTypeUnsupported
from services.classifier.request_body import PredictRequest, require_uncompressed
from services.problems import Problem
from tests.services.classifier.parsed_requests import (
    BASE64,
    END,
    FORM,
    IMAGE,
    JSON,
    LABELS,
    PART,
    parsed,
    parsed_json,
    part,
    refused,
)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "image/jpeg",
        "image/gif",
        "application/octet-stream",
        "text/plain",
        "application/x-www-form-urlencoded",
        "nonsense",
    ],
)
def test_a_body_that_is_neither_a_form_nor_json_is_the_image(content_type: str) -> None:
    assert parsed(content_type, IMAGE) == PredictRequest(Parameters(5), image=IMAGE)


@pytest.mark.parametrize("body", [b"\xff\xd8\xff\xe0JFIF stripped", b"url=https://a.example/", b'{"inputs": ""}'])
def test_a_body_that_curl_d_has_changed_is_refused_before_it_is_decoded(body: bytes) -> None:
    """No image is without line ends and zeros; what is left of a JPEG could be decoded into a wrong image."""
    with pytest.raises(MediaTypeUnsupported, match="--data-binary"):
        parsed("application/x-www-form-urlencoded", body)


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_an_uncompressed_body_is_accepted(coding: str) -> None:
    require_uncompressed(coding)


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_a_compressed_body_is_refused_by_the_name_of_its_coding(coding: str) -> None:
    with pytest.raises(ContentEncodingUnsupported) as raised:
        require_uncompressed(coding)
    assert f"`{coding}`".replace(", ", "??") in raised.value.detail
    assert raised.value.headers == ((b"accept-encoding", b"identity"),)


@pytest.mark.parametrize(
    ("content_type", "body", "remedy"),
    [
        pytest.param(JSON, b"", "empty", id="empty-json"),
        pytest.param(JSON, b'{"instances": [{"b64": "AAAA"}]}', "`inputs`", id="instances"),
        pytest.param(JSON, b'{"inputs": "https://a.example/cat.jpg"}', "`url`", id="url-as-inputs"),
        pytest.param(FORM, b"", "empty", id="empty-form"),
        pytest.param(FORM, part(head=PART.replace(b'"image"', b'"file"')) + END, "`file`", id="name-of-the-part"),
        pytest.param("multipart/form-data", part() + END, "set no Content-Type", id="no-boundary"),
    ],
)
def test_the_error_for_a_common_mistake_contains_its_remedy(content_type: str, body: bytes, remedy: str) -> None:
    with pytest.raises(Problem) as raised:
        parsed(content_type, body)
    assert remedy in raised.value.detail


def test_the_place_of_an_image_and_its_declared_type_are_kept_for_messages() -> None:
    assert (parsed("image/png", IMAGE).place, parsed("image/png", IMAGE).media_type) == ("The body", "image/png")
    assert parsed(FORM, part() + END).place == "The part `image`"
    found = parsed_json({"inputs": f"data:text/html;base64,{BASE64}"})
    assert (found.image, found.place, found.media_type) == (IMAGE, "`inputs`", "text/html")


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", "application/vnd.x+json", "APPLICATION/JSON"]
)
def test_json_contains_the_image_or_its_url(content_type: str) -> None:
    body = json.dumps({"inputs": BASE64}).encode()
    assert parsed(content_type, body) == PredictRequest(Parameters(5), image=IMAGE)
    body = json.dumps({"url": "http://a.example/", "parameters": {"top_k": 2, "function_to_apply": "sigmoid"}}).encode()
    assert parsed(content_type, body) == PredictRequest(Parameters(2, "sigmoid"), url="http://a.example/")


def test_json_is_utf8() -> None:
    assert (
        refused("application/json; charset=utf-16", json.dumps({"inputs": ""}).encode("utf-16"))
        == "media_type_unsupported"
    )
    assert refused(JSON, json.dumps({"inputs": ""}).encode("utf-16")) == "json_invalid"


# Its base64 contains both characters that differ between the alphabets, and padding.
ANY_BYTES = b"\xfb\xef\xff\xfe" + IMAGE
STANDARD = base64.b64encode(ANY_BYTES).decode()


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(STANDARD, id="standard"),
        pytest.param(base64.urlsafe_b64encode(ANY_BYTES).decode(), id="url-safe"),
        pytest.param(STANDARD.rstrip("="), id="no-padding"),
        pytest.param(base64.urlsafe_b64encode(ANY_BYTES).decode().rstrip("="), id="url-safe-no-padding"),
        pytest.param(base64.encodebytes(ANY_BYTES * 9)[:-1].decode(), id="lines"),
        pytest.param(STANDARD[:8] + "\r\n" + STANDARD[8:] + "\r\n", id="windows-lines"),
        pytest.param(f"data:image/png;base64,{STANDARD}", id="data-uri"),
        pytest.param(f"data:;base64,{STANDARD}", id="data-uri-without-type"),
        pytest.param(
            f"DATA:image/jpeg;charset=x;BASE64,{STANDARD[:4]}\n{STANDARD[4:].rstrip('=')}", id="data-uri-lines"
        ),
    ],
)
def test_the_image_may_be_in_any_usual_form_of_base64(inputs: str) -> None:
    assert (parsed_json({"inputs": inputs}).image or b"").removeprefix(ANY_BYTES) in (b"", ANY_BYTES * 8)


BAD_JSON = {
    "nothing": b"",
    "empty-object": b"{}",
    "list": b"[]",
    "null": b"null",
    "number": b"5",
    "text": b'"x"',
    "nan": b'{"inputs": NaN}',
    "infinity": b'{"inputs": -Infinity}',
    "key-twice": b'{"parameters": {}, "parameters": {}, "inputs": ""}',
    "key-twice-within": b'{"inputs": "", "parameters": {"top_k": 1, "top_k": 2}}',
    "100000-brackets": b"[" * 100_000,
    "100000-objects": b'{"a":' * 100_000,
    "millions-of-options": b'{"inputs": "data:image/png' + b";a=b" * 2_500_000 + b';base64,aGk="}',
    "millions-of-members": b'{"inputs": ""' + b',"0":0' * 1_800_000 + b"}",
    "millions-of-lists": b'{"inputs": [' + b"[]," * 3_000_000 + b"[]]}",
    "millions-of-escapes": b'{"inputs": "' + rb"\u00e9" * 1_400_000 + b'"}',
    "5000-digits": b'{"inputs": ' + b"1" * 5000 + b"}",
    "bad-utf8": b'{"inputs": "\xff"}',
    "overlong-utf8": b'{"inputs": "\xc0\xaf"}',
    "byte-order-mark": b'\xef\xbb\xbf{"inputs": ""}',
    "half-a-character": b'{"url": "http://a.example/\\ud800"}',
    "half-a-character-in-a-key": b'{"\\udfff": 1, "inputs": ""}',
    "unknown-key": b'{"inputs": "", "admin": true}',
    "trailing-comma": b'{"inputs": "",}',
    "single-quotes": b"{'inputs': ''}",
    "comment": b'{"inputs": ""} // x',
    "two-documents": b'{"inputs": ""}{"inputs": ""}',
    "control-character": b'{"inputs": "\x01"}',
    "nul": b'{"inputs": ""}\x00',
    "inputs-null": b'{"inputs": null}',
    "inputs-list": b'{"inputs": ["AAAA"]}',
    "inputs-object": b'{"inputs": {"$ref": "#"}}',
    "inputs-not-base64": b'{"inputs": "!!!!"}',
    "inputs-with-spaces": b'{"inputs": "AA AA"}',
    "inputs-with-a-tab": b'{"inputs": "AA\\tAA"}',
    "inputs-of-one-character": b'{"inputs": "A"}',
    "inputs-with-padding-in-the-middle": b'{"inputs": "AA==AAAA"}',
    "inputs-data-url-without-base64": b'{"inputs": "data:image/svg+xml,<svg/>"}',
    "inputs-data-url-without-data": b'{"inputs": "data:image/png;base64"}',
    "inputs-url": b'{"inputs": "https://a.example/cat.jpg"}',
    "inputs-beyond-ascii": '{"inputs": "ÄÄÄÄ"}'.encode(),
}


@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON)
def test_invalid_json_is_refused(body: bytes) -> None:
    began = time.thread_time()
    assert refused(JSON, body) == "json_invalid"
    assert time.thread_time() - began < 0.3


AMBIGUOUS = {
    "both": (JSON, b'{"url": "http://a.example/", "inputs": ""}', {}),
    "neither": (JSON, b'{"parameters": {"top_k": 1}}', {}),
    "url-twice": (JSON, b'{"url": "http://a.example/", "url": "http://b.example/"}', {}),
    "inputs-twice": (JSON, b'{"inputs": "", "inputs": ""}', {}),
    "url-in-query-and-body": (JSON, b'{"url": "http://a.example/"}', {"url": "http://b.example/"}),
    "url-in-query": ("image/png", IMAGE, {"url": "http://b.example/"}),
    "image-in-query": ("image/png", IMAGE, {"image": "a"}),
    "empty-form": (FORM, END, {}),
    "two-images": (FORM, part() + part() + END, {}),
    "image-and-url": (FORM, part() + part(b"http://a.example/", PART.replace(b"image", b"url")) + END, {}),
    "url-alone-in-a-form": (FORM, part(b"http://a.example/", PART.replace(b"image", b"url")) + END, {}),
}


@pytest.mark.parametrize(("content_type", "body", "query"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_has_exactly_one_image(content_type: str, body: bytes, query: dict[str, Any]) -> None:
    assert refused(content_type, body, query) == "input_ambiguous"


@pytest.mark.parametrize("value", [None, 5, True, [], {}, {"$ref": "#"}, ""])
def test_a_url_that_is_not_a_string_becomes_an_empty_one(value: Any) -> None:
    assert parsed_json({"url": value}).url == ""


json_keys = st.sampled_from(["url", "inputs", "parameters", "top_k", "function_to_apply"]) | st.text(max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_keys, inner, max_size=4),
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.lists(st.sampled_from([PART, b"\r\n", IMAGE, END, b"--b", b"X: y\r\n"]), max_size=8).map(b"".join)
)


@given(
    st.sampled_from([JSON, FORM, "multipart/form-data; boundary=\xff", "image/png", "text/plain", "multipart/mixed"]),
    bodies,
    st.dictionaries(
        st.sampled_from(["top_k", "function_to_apply", "url", "key", "x"]), st.text(max_size=5), max_size=2
    ),
)
def test_any_request_is_parsed_or_refused_with_a_4xx(content_type: str, body: bytes, query: dict[str, str]) -> None:
    try:
        found = parsed(content_type, body, query)
    except Problem as problem:
        status = problem.status
    else:
        status = HTTPStatus.OK
        assert (found.image is None) != (found.url is None)
        assert 1 <= found.parameters.top_k <= LABELS
    assert status < 500
