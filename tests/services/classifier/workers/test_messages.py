"""Replies of workers: everything is checked."""

import math
import time

import pytest

from services.classifier.predictions import JsonWriter
from services.classifier.problems import ImageCorrupt
from services.classifier.workers.messages import (
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


VALID = b'[{"label": "a", "score": 1.0}]'


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[\xff]",
            b"{}",
            b"[",
            b"[]",
            b"[x]",
            b"[" * 5000 + b"]" * 5000,
            b"\x00" * 40,
            VALID + b"\n",
            VALID * 2,
        ),
        VALID.replace(b"a", b'"'),
        VALID.replace(b"a", b"\\"),
        VALID.replace(b"a", b"\\x"),
        VALID.replace(b"a", b"\n"),
        VALID.replace(b"a", b"\xc3"),
        VALID.replace(b"1.0", b"NaN"),
        VALID.replace(b"1.0", b"1" * 5000),
        VALID[:-1] + b", ]",
    ],
)
def test_every_other_prediction_is_invalid(body: bytes) -> None:
    assert checked_prediction(VALID) == VALID
    with pytest.raises(InvalidReply):
        checked_prediction(body)


def test_every_prediction_that_is_written_is_valid() -> None:
    labels = ["tabby", 'a "b" \\ /', "caf\u00e9 \U0001f408", "\x7f\x00\u2028\n\t", ""]
    scores = [0.5, 1e-06, 0.0, -3e38, 1e16]
    for written in (
        JsonWriter(labels).predictions(enumerate(scores)),
        JsonWriter(labels).predictions([(1, 1.0)]),
    ):
        assert checked_prediction(written) == written


def test_no_prediction_takes_long_to_check() -> None:
    began = time.thread_time()
    for body in (b'[{"label": "' + b"a" * 4_000_000, b'[{"label": "' + rb"\u0000" * 600_000, VALID[:-1] * 100_000):
        with pytest.raises(InvalidReply):
            checked_prediction(body)
    assert time.thread_time() - began < 0.5
