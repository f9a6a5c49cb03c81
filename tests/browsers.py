"""The browser of `benchmarks.harness.browser`, and what only tests need of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.harness.browser import CHROMIUM, DESK, PHONE, chromium_browser

__all__ = ["CHROMIUM", "DESK", "PATIENCE_MS", "PHONE", "chromium_browser", "needs_chromium"]

# Long enough for a busy machine: the page's speed is measured by `make page-figures`, not here.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM} (Debian: chromium)")
