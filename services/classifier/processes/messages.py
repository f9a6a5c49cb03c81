"""What the service and the processes that answer say to one another; pictures and answers lie in memory they share."""

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
from services.web.problems import Problem

# Bytes of the picture, how many labels are wanted, and which of FUNCTIONS.
REQUEST: Final = struct.Struct("IIB")
# A reply's first byte: an answer, a bug (its kind and place follow), or which of PROBLEMS (its sentence follows).
DONE, BUG, FIRST_PROBLEM = 0, 1, 2
# What follows DONE: bytes of the answer, and the seconds of decoding and of inference.
ANSWER: Final = struct.Struct("=Idd")
PROBLEMS: Final[tuple[type[Problem], ...]] = (
    ImageUnsupported,
    ImageCorrupt,
    ImageTooManyPixels,
    ImageTooComplex,
    ModelOutputInvalid,
)
LONGEST_REPLY: Final = 1024
# Decoding one picture may take so much of a processor; the largest that is read takes a third of it.
CPU_SECONDS: Final = 2.0
