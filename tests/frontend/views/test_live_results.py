"""Models that have to start: the page says so, for how long, and sends the image once they are ready."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from frontend.api.readiness import SHORTEST_COLD_START
from frontend.locales.texts import Texts
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Served, Visitor, served_page, visitors

pytestmark = [pytest.mark.integration, needs_chromium]
TEXTS = Texts("en")
MODELS = "?models=efficientnet-lite0,efficientnet-lite1"


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that knows nothing about its models yet."""
    with served_page(tmp_path_factory.mktemp("fresh")) as running:
        yield running


@pytest.fixture
def visitor(chromium: Browser, browser_context: BrowserContext, fresh: Served) -> Iterator[Visitor]:
    yield from visitors(chromium, browser_context, fresh)


def test_a_model_starts_while_the_others_respond(fresh: Served, visitor: Visitor, photos: list[Photo]) -> None:
    gateway = fresh.gateway
    starting = gateway.models["efficientnet-lite1"]
    starting.awake = threading.Event()
    page = visitor(MODELS)
    give_files(page, photos[0].path)
    expect(page.locator(".st-key-card-efficientnet-lite0 .g-verdict")).to_be_visible()
    started = time.monotonic()
    waking = page.locator(".st-key-card-efficientnet-lite1")
    expect(waking.locator(".g-waiting")).to_have_text(TEXTS("waking_unknown"))
    expect(waking.locator(".g-wait span")).to_have_count(1)
    expect(page.locator(".g-agree-wait")).to_contain_text(TEXTS("agree_pending", count=1))
    # It was woken when the page was opened, and gets the image once it is ready.
    assert [path for _, path, _ in gateway.requests if "lite1" in path] == ["/v1/models/efficientnet-lite1/ready"]
    wait_for(lambda: time.monotonic() - started > SHORTEST_COLD_START + 0.2, 10, "a cold start")
    starting.awake.set()
    expect(waking.locator(".g-verdict")).to_be_visible()
    expect(waking.locator(".g-chip")).to_contain_text("cold start")
    assert set(gateway.predicts.values()) == {1}

    # The next visitor is told how long it usually takes. The check runs even if one leaves the view at once.
    starting.awake = threading.Event()
    page.get_by_role("link", name="Status").click()
    page.get_by_role("button", name="Check again").click()
    page.get_by_role("link", name="Classify").click()
    give_files(page, photos[1].path)
    expect(waking.locator(".g-waiting")).to_have_text(re.compile(r"Starting, usually \d+ s"))
    starting.awake.set()
    expect(waking.locator(".g-verdict")).to_be_visible()
