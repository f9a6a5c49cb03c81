"""What tests need of the browser, besides `benchmarks.harness.browser`."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.harness.browser import CHROMIUM

# Long enough for a busy machine: the page's speed is measured by `make page-figures`, not here.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM} (Debian: chromium)")


def give_files(page: Page, *paths: Path, at: str = "files") -> None:
    """Choose these files in the image input once it is visible."""
    place = page.locator(f"input[data-at={at}]")
    expect(place).to_be_visible()
    place.set_input_files(paths)
