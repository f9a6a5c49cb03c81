"""Annotations of a Cloud Run service, by which the next plan sees what the service was made from, and its tag."""

from __future__ import annotations

CONTENT = "guichet/content"
MANIFEST = "guichet/manifest"
ATTEMPT = "guichet/attempt"
KEY = "guichet/key"

# The tag of a revision that `STAGE=1` deployed.
NEXT = "next"
