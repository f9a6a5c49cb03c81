"""The messages between the service and a worker; images and predictions are in shared memory."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from services.classifier.problems import (
    ImageCorrupt,
    ImageTooComplex,
    ImageTooManyPixels,
    ImageUnsupported,
    ModelOutputInvalid,
)
from services.problems import Problem

# Size of the image in bytes, top_k, index in FUNCTIONS.
REQUEST: Final = struct.Struct("IIB")
# A reply's first byte: done; a bug, followed by its type and location; a decoder is not imported; or an index in
# PROBLEMS, followed by the detail.
DONE, BUG, MISSING, FIRST_PROBLEM = 0, 1, 2, 3
# After DONE: size of the prediction in bytes, seconds of decoding and of inference.
PREDICTION: Final = struct.Struct("=Idd")
PROBLEMS: Final[tuple[type[Problem], ...]] = (
    ImageUnsupported,
    ImageCorrupt,
    ImageTooManyPixels,
    ImageTooComplex,
    ModelOutputInvalid,
)
MAX_REPLY: Final = 1024
# Limit on the CPU time for decoding one image; the largest accepted image takes a third of it.
CPU_SECONDS: Final = 2.0
# No step of a prediction takes longer, in seconds.
MAX_STEP: Final = 3600.0
# An exception's type, and its location as `services.location` gives it.
BUG_TEXT: Final = re.compile(r"(\w{1,100}) ([\w.]{1,200}:[0-9]{1,9})", re.ASCII)

# Possessive, so that the time grows with the length only.
LABEL: Final = rb'"(?:[ !#-\[\]-~]++|\\["\\bfnrt]|\\u[0-9a-f]{4})*+"'
SCORE: Final = rb"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:e[+-][0-9]{1,3})?"
ENTRY: Final = rb'\{"label": %b, "score": %b\}' % (LABEL, SCORE)
PREDICTIONS: Final = re.compile(rb"\[%b(?:, %b)*+\]" % (ENTRY, ENTRY))


class InvalidReply(Exception):
    """There is no reply, or it is none that the code of a worker sends, which an image has probably taken over."""


class DecoderMissing(Exception):
    """The worker was forked before the decoder of the image's format was imported."""


@dataclass(frozen=True)
class Done:
    """The prediction is in the shared memory: its size in bytes, seconds of decoding and of inference."""

    size: int
    decode: float
    infer: float


@dataclass(frozen=True)
class Bug:
    """An unforeseen exception: its type and location."""

    kind: str
    place: str


def parsed_reply(reply: bytes, max_prediction: int) -> Done | Bug | Problem:
    """Check everything in a worker's reply; `max_prediction` in bytes. Raises InvalidReply, or DecoderMissing."""
    code, content = reply[0], reply[1:]
    if code == DONE:
        return _done(content, max_prediction)
    if code == MISSING:
        raise DecoderMissing
    try:
        text = content.decode()
    except UnicodeDecodeError as err:
        raise InvalidReply("not UTF-8") from err
    if len(reply) > MAX_REPLY or not text.isprintable():
        raise InvalidReply("invalid text")
    if code == BUG:
        if not (found := BUG_TEXT.fullmatch(text)):
            raise InvalidReply("invalid type or location")
        return Bug(*found.groups())
    if not text or code - FIRST_PROBLEM >= len(PROBLEMS):
        raise InvalidReply("unknown code")
    return PROBLEMS[code - FIRST_PROBLEM](text)


def checked_prediction(body: bytes) -> bytes:
    """The prediction, if it is one that `JsonWriter` could have written; raises InvalidReply."""
    if not PREDICTIONS.fullmatch(body):
        raise InvalidReply("not a list of labels with scores")
    return body


def _done(content: bytes, max_prediction: int) -> Done:
    if len(content) != PREDICTION.size:
        raise InvalidReply("wrong length")
    size, decode, infer = PREDICTION.unpack(content)
    # NaN fails these comparisons too.
    if not (2 <= size <= max_prediction and 0 <= decode <= MAX_STEP and 0 <= infer <= MAX_STEP):
        raise InvalidReply("size or time out of range")
    return Done(size, decode, infer)
