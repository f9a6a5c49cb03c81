"""An idle tab lets go of its connection, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.harness.browser import DESK
from benchmarks.harness.photos import Photo
from tests.browsers import PATIENCE_MS, give_files, needs_chromium
from tests.frontend.conftest import Served, best_labels, expected_labels, served_page

pytestmark = [pytest.mark.integration, needs_chromium]


@pytest.fixture(scope="module")
def served_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page whose tabs are idle after three seconds."""
    with served_page(tmp_path_factory.mktemp("idle"), IDLE_MINUTES="0.05") as running:
        yield running


def test_an_idle_tab_disconnects_and_comes_back_by_itself(
    served_here: Served, chromium: Browser, photos: list[Photo]
) -> None:
    page = chromium.new_page(viewport=DESK, locale="en-GB")
    page.goto(served_here.url)
    give_files(page, photos[0].path)
    labels = best_labels(page)
    assert labels == expected_labels(served_here.gateway, photos[0].data)
    connected = page.locator("[data-test-connection-state=CONNECTED]")
    expect(connected).to_have_count(0, timeout=PATIENCE_MS)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(5000)  # Streamlit would have reconnected
    assert requests == []
    assert page.locator(".g-verdict").all_inner_texts() == labels
    expect(page.locator("[data-at=said]")).to_have_text("")
    page.mouse.move(200, 200)
    expect(connected).to_have_count(1)
    page.get_by_text("EfficientNet-Lite2", exact=True).first.click()
    expect(page.locator(".g-verdict")).to_have_count(2)
    assert page.locator(".g-verdict").all_inner_texts() == labels[:2]
    page.close()
