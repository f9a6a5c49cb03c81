"""What one visitor waits for.

Real Chromium, the page, and a stub gateway whose models take 50, 400 and 800 ms. Measured, in milliseconds:

paint_first   from asking for the page to its invitation on the screen, in a browser that has never been here
paint_again   the same in a browser that has
drawn         from the moment the gateway gives an answer to its label on the screen, for every answer
comparing     from the moment a picture is sent to the last of the three answers on the screen, beyond the slowest model
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page

from frontend.images.image import SAMPLES
from tests.browsers import DESK, chromium_browser
from tests.frontend.stub_gateway import StubGateway, stub_gateway
from tests.running import ROOT, answers, end_process, environment, free_port, wait_for

DELAYS = {"efficientnet-lite0": 0.05, "efficientnet-lite1": 0.4, "efficientnet-lite2": 0.8}
# Notes the moment (ms since 1970) at which each verdict comes onto the screen.
WATCH = """
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


def painted(page: Page, url: str) -> float:
    """Milliseconds from asking for the page until a visitor can use it."""
    page.goto(url, wait_until="commit")
    page.locator(".g-welcome").wait_for()
    page.locator("[data-at=files]").wait_for()
    return float(page.evaluate("performance.now()"))


def asked(page: Page, gateway: StubGateway, number: int, folder: Path) -> tuple[list[float], float]:
    """Gives one new picture: how long each answer took onto the screen, and the whole beyond the slowest model."""
    picture = folder / f"{number}.jpg"
    # A JPEG may end in anything: this makes it another picture to the page.
    picture.write_bytes((SAMPLES / "coffee.jpg").read_bytes() + f"{number} {time.time_ns()}".encode())
    gateway.answered.clear()
    page.evaluate("window.seen = {}")
    started = time.time() * 1000
    page.locator("input[data-at=files]").set_input_files(picture)
    page.wait_for_function(f"() => Object.keys(window.seen).length == {len(DELAYS)}")
    seen: dict[str, float] = page.evaluate("window.seen")
    drawn = [seen[model] - gateway.answered[model] for model in DELAYS]
    return drawn, max(seen.values()) - started - max(DELAYS.values()) * 1000


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 1),
        "max": round(ordered[-1], 1),
    }


def measured(rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """The figures."""
    port = free_port()
    with stub_gateway() as gateway, chromium_browser() as browser:
        variables = environment(API_GATEWAY=gateway.address, API_KEY=gateway.key, HOST="127.0.0.1", PORT=str(port))
        process = subprocess.Popen([sys.executable, "-m", "frontend"], cwd=ROOT, env=variables, text=True)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answers(f"{url}/_stcore/health"), 30, "the page is up")
            first, again, drawn, comparing = [], [], [], []
            for _ in range(rounds):
                context = browser.new_context(viewport=DESK)
                page = context.new_page()
                first.append(painted(page, url))
                again.append(painted(page, url))
                context.close()
            for name, delay in DELAYS.items():
                gateway.models[name].delay = delay
            page = browser.new_page(viewport=DESK)
            painted(page, url)
            page.evaluate(WATCH)
            for number in range(rounds):
                each, whole = asked(page, gateway, number, folder)
                page.get_by_role("button", name="Remove").click()
                page.locator(".g-welcome").wait_for()
                drawn += each
                comparing.append(whole)
            return {
                "paint_first": spread(first),
                "paint_again": spread(again),
                "drawn": spread(drawn),
                "comparing": spread(comparing),
            }
        finally:
            end_process(process)
