"""The service of an image, with code in its decoder: it carries out `attack: NAME`, and decodes everything else.

Mounted into a container, where it runs in place of `python -m services.classifier`. UNRESTRICTED is set where workers
should have no seccomp filter, to show that the attacks are real.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from services.classifier import __main__ as service
from services.classifier.decoding import pixels
from services.classifier.decoding.resize import Pixels
from services.classifier.problems import ImageUnsupported
from services.classifier.workers import seccomp
from tests.services.classifier.workers.attempts import outcome

# The only folder of the container that its user may write to.
FOLDER = Path("/dev/shm")
ATTACK = b"attack: "
decoded_pixels = pixels.decoded_pixels


def injected(data: bytes, **options: Any) -> Pixels:
    """Decode the image; or do what an attacker would, and report the outcome."""
    if data.startswith(ATTACK):
        raise ImageUnsupported(outcome(data.removeprefix(ATTACK).decode(), FOLDER))
    return decoded_pixels(data, **options)


if __name__ == "__main__":
    (FOLDER / "old").touch()
    if "UNRESTRICTED" in os.environ:
        # The kernel refuses other modes with EINVAL, as one without filters does.
        seccomp.SECCOMP_MODE_FILTER = 3  # type: ignore[misc]
    pixels.decoded_pixels = injected  # type: ignore[assignment]  # with fewer parameters
    sys.exit(service.main())
