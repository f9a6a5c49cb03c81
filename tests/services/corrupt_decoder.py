"""`python -m tests.services.corrupt_decoder`: the real service, whose decoder dies of the word `segfault`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from services.classifier import __main__ as service
from services.classifier.decoding import pixels

decoded_pixels = pixels.decoded_pixels


def poisoned(data: bytes, **options: Any) -> pixels.Pixels:
    """Decodes, but for one word."""
    if data == b"segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    return decoded_pixels(data, **options)


if __name__ == "__main__":
    pixels.decoded_pixels = poisoned
    sys.exit(service.main())
