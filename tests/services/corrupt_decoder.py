"""`python -m tests.services.corrupt_decoder`: the real service, with a decoder that crashes on the bytes `segfault`."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from services.classifier import __main__ as service
from services.classifier.decoding import pixels
from services.classifier.decoding.resize import Pixels

decoded_pixels = pixels.decoded_pixels


def corrupt(data: bytes, **options: Any) -> Pixels:
    """Decode the image; crash on `segfault`."""
    if data == b"segfault":
        ctypes.string_at(0)
    return decoded_pixels(data, **options)


if __name__ == "__main__":
    pixels.decoded_pixels = corrupt  # type: ignore[assignment]  # with fewer parameters
    sys.exit(service.main())
