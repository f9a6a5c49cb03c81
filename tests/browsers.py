"""A real browser for the tests that look at pages: Debian's Chromium, started once per process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, ViewportSize, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# A machine may be busy; what is fast enough is measured elsewhere.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM} (Debian: chromium)")


class _Running:
    """This process's browser, and how many fixtures use it: Playwright's loop runs only once in a thread."""

    users = 0
    playwright: Playwright
    browser: Browser


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """The browser, until the last who asked for it is done."""
    if not _Running.users:
        _Running.playwright = sync_playwright().start()
        _Running.browser = _Running.playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    _Running.users += 1
    try:
        yield _Running.browser
    finally:
        _Running.users -= 1
        if not _Running.users:
            _Running.browser.close()
            _Running.playwright.stop()
