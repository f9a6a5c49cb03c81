"""One visitor with real Chromium, and a stub gateway whose models take 50, 400 and 800 ms.

Measured, in milliseconds:

paint_first   from requesting the page to its welcome text, in a new browser profile
paint_again   the same in a profile that has visited before
drawn         from the gateway's response to the label on the screen
comparing     from choosing an image to the third label on the screen, beyond the slowest model
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from benchmarks.harness.browser import DESK, chromium_browser
from benchmarks.harness.photos import default_folder, photos_in
from benchmarks.harness.process import HOST, ROOT, end_process, environment, free_port, responds, wait_for
from benchmarks.harness.stub_gateway import StubGateway, stub_gateway

DELAYS: Final = {"efficientnet-lite0": 0.05, "efficientnet-lite1": 0.4, "efficientnet-lite2": 0.8}
# Records when (ms since 1970) each model's label appears.
WATCH: Final = """
() => {
  window.seen = {};
  const look = () => {
    for (const card of document.querySelectorAll('[class*="st-key-card-"]')) {
      const model = [...card.classList].find((name) => name.startsWith("st-key-card-")).slice(12);
      const verdict = card.querySelector(".g-verdict");
      if (verdict && !(model in window.seen)) window.seen[model] = performance.timeOrigin + performance.now();
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}
"""


@dataclass(frozen=True)
class Spread:
    """Milliseconds; p95 by the nearest rank."""

    median: float
    p95: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], ordered[-1])


@contextmanager
def page_process(gateway: str, key: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The page as a process of its own, once it responds; yields its URL too."""
    port = free_port()
    variables = environment(API_GATEWAY=gateway, API_KEY=key, HOST=HOST, PORT=str(port))
    process = subprocess.Popen([sys.executable, "-m", "frontend"], cwd=ROOT, env=variables)
    try:
        url = f"http://{HOST}:{port}"
        wait_for(lambda: responds(f"{url}/_stcore/health"), 30, "the page")
        yield url, process
    finally:
        end_process(process)


def measure(rounds: int, folder: Path) -> dict[str, Spread]:
    with (
        stub_gateway() as gateway,
        chromium_browser() as browser,
        page_process(gateway.address, gateway.key) as (url, _),
    ):
        first, again = zip(*(_paints(browser, url) for _ in range(rounds)), strict=True)
        for name, delay in DELAYS.items():
            gateway.models[name].delay = delay
        page = browser.new_page(viewport=DESK)
        _paint(page, url)
        page.evaluate(WATCH)
        drawn, comparing = [], []
        for number in range(rounds):
            each, whole = _classify(page, gateway, folder / f"{number}.jpg")
            page.get_by_role("button", name="Remove").click()
            page.locator(".g-welcome").wait_for()
            drawn += each
            comparing.append(whole)
    found = {"paint_first": first, "paint_again": again, "drawn": drawn, "comparing": comparing}
    return {name: Spread.of(values) for name, values in found.items()}


def _paints(browser: Browser, url: str) -> tuple[float, float]:
    """The paint of a new profile's first and second visit."""
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    paints = _paint(page, url), _paint(page, url)
    context.close()
    return paints


def _paint(page: Page, url: str) -> float:
    """Milliseconds from requesting the page until it can be used."""
    page.goto(url, wait_until="commit")
    page.locator(".g-welcome").wait_for()
    page.locator("[data-at=files]").wait_for()
    return float(page.evaluate("performance.now()"))


def _classify(page: Page, gateway: StubGateway, image: Path) -> tuple[list[float], float]:
    """Choose a new image: the `drawn` of each model, and `comparing`."""
    # Bytes after a JPEG's end make it a different image to the page.
    image.write_bytes(photos_in(default_folder())[0].data + os.urandom(16))
    gateway.answered.clear()
    page.evaluate("window.seen = {}")
    started = time.time() * 1000
    page.locator("input[data-at=files]").set_input_files(image)
    page.wait_for_function(f"() => Object.keys(window.seen).length == {len(DELAYS)}")
    seen: dict[str, float] = page.evaluate("window.seen")
    drawn = [seen[model] - gateway.answered[model] for model in DELAYS]
    return drawn, max(seen.values()) - started - max(DELAYS.values()) * 1000
