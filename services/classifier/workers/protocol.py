"""The messages between the service and a worker; images and predictions are in memory that both share."""

from __future__ import annotations

import struct
from typing import Final

from services.classifier.problems import (
    ImageCorrupt,
    ImageTooComplex,
    ImageTooManyPixels,
    ImageUnsupported,
    ModelOutputInvalid,
)
from services.http.problems import Problem

# Bytes of the image, top_k, and the index in FUNCTIONS.
REQUEST: Final = struct.Struct("IIB")
# A reply's first byte: done, a bug (its kind and place follow), or an index in PROBLEMS (its detail follows).
DONE, BUG, FIRST_PROBLEM = 0, 1, 2
# After DONE: bytes of the prediction, and the seconds of decoding and of inference.
PREDICTION: Final = struct.Struct("=Idd")
PROBLEMS: Final[tuple[type[Problem], ...]] = (
    ImageUnsupported,
    ImageCorrupt,
    ImageTooManyPixels,
    ImageTooComplex,
    ModelOutputInvalid,
)
MAX_REPLY: Final = 1024
# Processor time for decoding one image; the largest that is accepted takes a third of it.
CPU_SECONDS: Final = 2.0
