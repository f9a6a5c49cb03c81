"""Requests of a model with a thousand labels, parsed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from services.artifact import ScoreFunction
from services.classifier.request_body import PredictRequest, predict_request
from services.problems import Problem

IMAGE = b"\x89PNG\r\n\x1a\n an image"
BASE64 = base64.b64encode(IMAGE).decode()
JSON = "application/json"
LABELS = 1000
FORM = 'multipart/form-data; boundary="b"'
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'


def parsed(
    content_type: str = "",
    body: bytes = b"",
    query: dict[str, Any] | None = None,
    labels: int = LABELS,
    scores: ScoreFunction = "softmax",
) -> PredictRequest:
    lists = {name: value if isinstance(value, list) else [value] for name, value in (query or {}).items()}
    pairs = [(name, value) for name, values in lists.items() for value in values]
    return predict_request(content_type, body, pairs, labels, scores)


def parsed_json(document: Any, query: dict[str, Any] | None = None, **model: Any) -> PredictRequest:
    return parsed(JSON, json.dumps(document).encode(), query, **model)


def refused(content_type: str = "", body: bytes = b"", query: dict[str, Any] | None = None) -> str:
    with pytest.raises(Problem) as raised:
        parsed(content_type, body, query)
    assert 400 <= raised.value.status < 500
    return raised.value.code


def part(content: bytes = IMAGE, head: bytes = PART) -> bytes:
    return head + b"\r\n" + content + b"\r\n"


END = b"--b--\r\n"
