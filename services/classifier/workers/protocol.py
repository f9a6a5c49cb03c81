"""The messages between the service and a worker; images and predictions are in shared memory."""

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
from services.problems import Problem

# Size of the image in bytes, top_k, index in FUNCTIONS.
REQUEST: Final = struct.Struct("IIB")
# A reply's first byte: done; a bug, followed by its type and location; or an index in PROBLEMS, followed by the detail.
DONE, BUG, FIRST_PROBLEM = 0, 1, 2
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
