"""Models that sleep: the page says so, says for how long, and asks once they are awake."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browsers import needs_chromium
from tests.frontend.conftest import Served, Visitor, give_files, served_page, visitors
from tests.running import Photo, wait_for

pytestmark = needs_chromium
MODELS = "?models=efficientnet-lite0,efficientnet-lite1"
# A model that takes less than a second to wake was not asleep, to the page.
A_NAP = 1.2


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
    sleeper = gateway.models["efficientnet-lite1"]
    sleeper.awake = threading.Event()
    page = visitor(MODELS)
    give_files(page, photos[0].path)
    expect(page.locator(".st-key-card-efficientnet-lite0 .g-verdict")).to_be_visible()
    asked_before = time.monotonic()
    waking = page.locator(".st-key-card-efficientnet-lite1")
    expect(waking.locator(".g-waiting")).to_have_text("Waking; the first start can take a minute")
    expect(waking.locator(".g-wait span")).to_have_count(1)
    expect(page.locator(".g-agree-wait")).to_have_text("Waiting for 1 more …")
    # It was woken by the visit, before there was a picture, and is asked about the picture when it is awake.
    assert [path for _, path, _ in gateway.requests if "lite1" in path] == ["/v1/models/efficientnet-lite1/ready"]
    wait_for(lambda: time.monotonic() - asked_before > A_NAP, 10, "a start that deserves the name")
    sleeper.awake.set()
    expect(waking.locator(".g-verdict")).to_be_visible()
    expect(waking.locator(".g-chip")).to_contain_text("was asleep")
    assert set(gateway.predicts.values()) == {1}

    # The next time, visitors are told how long it usually takes. Whoever checks and leaves at once has checked.
    sleeper.awake = threading.Event()
    page.get_by_role("link", name="Status").click()
    page.get_by_role("button", name="Check again").click()
    page.get_by_role("link", name="Classify").click()
    give_files(page, photos[1].path)
    expect(waking.locator(".g-waiting")).to_have_text(re.compile(r"Waking, usually \d+ s"))
    sleeper.awake.set()
    expect(waking.locator(".g-verdict")).to_be_visible()
