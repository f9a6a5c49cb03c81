"""A headless Chromium (Debian's), shared by everything in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright, ViewportSize, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = [
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
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}


class _Shared:
    """This process's browser and its number of users: Playwright runs one loop per thread."""

    users = 0
    playwright: Playwright
    browser: Browser


@contextmanager
def chromium_browser(*arguments: str) -> Iterator[Browser]:
    """The shared browser; the last user closes it. It gets the `arguments` of its first user besides ARGUMENTS."""
    if not _Shared.users:
        _Shared.playwright = sync_playwright().start()
        _Shared.browser = _Shared.playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
    _Shared.users += 1
    try:
        yield _Shared.browser
    finally:
        _Shared.users -= 1
        if not _Shared.users:
            _Shared.browser.close()
            _Shared.playwright.stop()
