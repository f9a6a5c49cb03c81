"""Models that sleep: the page says so, says for how long, and asks once they are awake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browsers import needs_chromium
from tests.frontend.conftest import Served, Visitor, served_page, visitors
from tests.running import Photo

pytestmark = needs_chromium
MODELS = "?models=efficientnet-lite0,efficientnet-lite1"


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that knows nothing of its models yet."""
    with served_page(tmp_path_factory.mktemp("fresh")) as running:
        yield running


@pytest.fixture
def visitor(chromium: Browser, browser_context: BrowserContext, fresh: Served) -> Iterator[Visitor]:
    yield from visitors(chromium, browser_context, fresh)


def test_a_sleeping_model_wakes_while_the_others_answer(fresh: Served, visitor: Visitor, photos: list[Photo]) -> None:
    gateway = fresh.gateway
    gateway.models["efficientnet-lite1"].asleep = 6.0
    page = visitor(MODELS)
    page.locator("input[data-at=files]").set_input_files(photos[0].path)
    expect(page.locator(".st-key-card-efficientnet-lite0 .g-verdict")).to_be_visible()
    waking = page.locator(".st-key-card-efficientnet-lite1")
    expect(waking.locator(".g-waiting")).to_have_text("Waking; the first start can take a minute")
    expect(waking.locator(".g-wait span")).to_have_count(1)
    expect(page.locator(".g-agree-wait")).to_have_text("Waiting for 1 more …")
    expect(waking.locator(".g-verdict")).to_be_visible()
    expect(waking.locator(".g-chip")).to_contain_text("was asleep")
    # It was woken by the visit, before there was a picture; the picture itself was sent once.
    assert set(gateway.predicts.values()) == {1}
    asked = [path for _, path, _ in gateway.requests if path.endswith("lite1/ready")]
    assert len(asked) == 1

    # The next visitor is told how long it usually takes.
    gateway.models["efficientnet-lite1"].__dict__.pop("awake_at")
    gateway.models["efficientnet-lite1"].asleep = 4.0
    page.get_by_role("link", name="Status").click()
    page.get_by_role("button", name="Check again").click()
    page.get_by_role("link", name="Classify").click()
    page.locator("input[data-at=files]").set_input_files(photos[1].path)
    expect(waking.locator(".g-waiting")).to_have_text("Waking, usually 6 s")
    expect(waking.locator(".g-verdict")).to_be_visible()
