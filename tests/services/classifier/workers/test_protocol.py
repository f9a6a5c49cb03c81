"""Replies of workers: everything is checked."""

import math

import pytest

from services.classifier.problems import ImageCorrupt
from services.classifier.workers.protocol import (
    BUG,
    DONE,
    FIRST_PROBLEM,
    MAX_REPLY,
    PREDICTION,
    PROBLEMS,
    Bug,
    Done,
    InvalidReply,
    checked_prediction,
    parsed_reply,
)

MOST = 1000


def done(size: int = 10, decode: float = 0.1, infer: float = 0.2) -> bytes:
    return bytes([DONE]) + PREDICTION.pack(size, decode, infer)


def test_valid_replies_are_parsed() -> None:
    assert parsed_reply(done(MOST), MOST) == Done(MOST, 0.1, 0.2)
    assert parsed_reply(bytes([BUG]) + b"ValueError services.classifier.engine:80", MOST) == Bug(
        "ValueError", "services.classifier.engine:80"
    )
    problem = parsed_reply(bytes([FIRST_PROBLEM + 1]) + "9 × 9".encode(), MOST)
    assert isinstance(problem, ImageCorrupt)
    assert problem.detail == "9 × 9"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(done(MOST + 1), id="size-beyond-the-largest-prediction"),
        pytest.param(done(10 << 20), id="size-of-the-whole-memory"),
        pytest.param(done(0), id="no-size"),
        pytest.param(done(decode=math.nan), id="time-is-not-a-number"),
        pytest.param(done(infer=math.inf), id="time-is-infinite"),
        pytest.param(done(infer=-1), id="time-is-negative"),
        pytest.param(done()[:-1], id="too-short"),
        pytest.param(done() + b"\0", id="too-long"),
        pytest.param(bytes([DONE]), id="empty"),
        pytest.param(bytes([BUG]), id="bug-without-text"),
        pytest.param(bytes([BUG]) + b'E x:1", "message": "forged', id="bug-forges-a-field"),
        pytest.param(bytes([BUG]) + b"E x:1\nforged", id="bug-forges-a-line"),
        pytest.param(bytes([FIRST_PROBLEM]), id="problem-without-text"),
        pytest.param(bytes([FIRST_PROBLEM]) + b"\xff", id="problem-is-not-utf-8"),
        pytest.param(bytes([FIRST_PROBLEM]) + b"a\nb", id="problem-has-two-lines"),
        pytest.param(bytes([FIRST_PROBLEM]) + b"a" * MAX_REPLY, id="problem-too-long"),
        pytest.param(bytes([FIRST_PROBLEM + len(PROBLEMS)]) + b"a", id="unknown-problem"),
        pytest.param(b"\xffnonsense", id="unknown-code"),
    ],
)
def test_every_other_reply_is_invalid(reply: bytes) -> None:
    with pytest.raises(InvalidReply):
        parsed_reply(reply, MOST)


@pytest.mark.parametrize("body", [b"", b"[\xff]", b"{}", b"[", b"[]\n", b"[\x00]", b"\x00" * 40])
def test_a_prediction_is_a_json_list_in_one_line(body: bytes) -> None:
    assert checked_prediction(b'[{"label": "a", "score": 1.0}]') == b'[{"label": "a", "score": 1.0}]'
    with pytest.raises(InvalidReply):
        checked_prediction(body)
