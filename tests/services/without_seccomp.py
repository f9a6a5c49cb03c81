"""`python -m tests.services.without_seccomp`: the real service, on a kernel without seccomp filters."""

from __future__ import annotations

import sys

from services.classifier import __main__ as service
from services.classifier.workers import seccomp

if __name__ == "__main__":
    # The kernel refuses other modes with EINVAL, as one without filters does.
    seccomp.SECCOMP_MODE_FILTER = 3  # type: ignore[misc]
    sys.exit(service.main())
