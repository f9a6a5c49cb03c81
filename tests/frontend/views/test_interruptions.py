"""Lost sessions, lost connections and reloads: the visitor's images are kept, and each is classified."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.harness.browser import DESK
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from benchmarks.harness.stub_gateway import StubGateway
from frontend.locales.texts import Texts
from frontend.settings import SAMPLES
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Served, best_labels, expected_labels, served_page
from tests.frontend.cuttable_proxy import CuttableProxy, cuttable_proxy

pytestmark = [pytest.mark.integration, needs_chromium]
TEXTS = Texts("en")
ALL = "?models=efficientnet-lite0,efficientnet-lite1,efficientnet-lite2"
RECONNECTS_MS = 60_000


@pytest.fixture(scope="module")
def served_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page that these tests restart."""
    with served_page(tmp_path_factory.mktemp("interrupted")) as running:
        yield running


@pytest.fixture
def gateway(served_here: Served) -> StubGateway:
    served_here.gateway.reset()
    return served_here.gateway


@pytest.fixture
def network(served_here: Served) -> Iterator[CuttableProxy]:
    port = urlsplit(served_here.url).port
    assert port is not None
    with cuttable_proxy(port) as proxy:
        yield proxy


@pytest.fixture
def page(chromium: Browser, network: CuttableProxy, gateway: StubGateway) -> Iterator[Page]:
    context = chromium.new_context(viewport=DESK, locale="en-GB")
    opened = context.new_page()
    opened.goto(f"{network.url}/{ALL}")
    expect(opened.locator(".g-welcome")).to_be_visible()
    expect(opened.get_by_role("button", name="Camera")).to_be_visible()
    yield opened
    context.close()


def connected(page: Page, yes: bool = True) -> None:
    there = page.locator("[data-test-connection-state=CONNECTED]")
    expect(there).to_have_count(int(yes), timeout=RECONNECTS_MS)


def said(page: Page, key: str) -> None:
    expect(page.locator("[data-at=said]")).to_have_text(TEXTS(key), timeout=RECONNECTS_MS)


def test_a_restart_in_the_middle_of_an_image_sends_it_again(
    page: Page, served_here: Served, gateway: StubGateway, photos: list[Photo]
) -> None:
    respond = threading.Event()
    for behaviour in gateway.models.values():
        behaviour.gate = respond
    page.get_by_role("button", name="Options").click()
    page.get_by_role("slider", name="Labels per model").press("ArrowLeft")
    page.keyboard.press("Escape")
    give_files(page, photos[0].path)
    wait_for(lambda: len(gateway.predicts) == 3, 20, "the image was sent to the models")
    served_here.restart()
    respond.set()
    said(page, "interrupted")
    assert best_labels(page) == expected_labels(gateway, photos[0].data)
    expect(page.locator(".g-bars").first.locator("li")).to_have_count(4)
    expect(page.locator("[data-at=image]")).to_be_visible()
    assert set(gateway.predicts.values()) == {2}  # once by each process
    page.get_by_role("radio", name="Thumbs up").click()
    expect(page.get_by_role("button", name=TEXTS("download_labels"))).to_be_visible()
    served_here.restart()
    wait_for(lambda: set(gateway.predicts.values()) == {3}, 60, "the image was sent once more")
    expect(page.get_by_role("radio", name="Thumbs up")).to_be_checked()
    expect(page.get_by_role("button", name=TEXTS("download_labels"))).to_be_visible()


def test_a_restart_in_the_middle_of_twenty_images_sends_them_again(
    page: Page, served_here: Served, gateway: StubGateway, photos: list[Photo]
) -> None:
    respond = threading.Event()
    gateway.models["efficientnet-lite1"].gate = respond
    give_files(page, *(photo.path for photo in photos))
    wait_for(lambda: len(gateway.predicts) > 30, 20, "half of the images were sent")
    # Streamlit's code for these elements, which the browser loads when it first needs them.
    expect(page.get_by_text("of 60 predictions")).to_be_visible()
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    served_here.stop()
    gateway.predicts.clear()
    served_here.process = served_here.start()
    respond.set()
    expect(page.get_by_text("60 of 60 predictions")).to_be_visible(timeout=RECONNECTS_MS)
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    assert (len(gateway.predicts), set(gateway.predicts.values())) == (60, {1})


def test_a_restart_keeps_the_sample(page: Page, served_here: Served, gateway: StubGateway) -> None:
    page.get_by_role("button", name="A cup of coffee").click()
    labels = best_labels(page)
    served_here.restart()
    said(page, "interrupted")
    assert best_labels(page) == labels
    expect(page.locator("[data-at=caption]")).to_have_text("coffee.jpg")
    wait_for(lambda: set(gateway.predicts.values()) == {2}, 20, "the sample was sent again")


# Longer than Streamlit keeps a session, and the page a visit.
LONG_CUT_SECONDS = 180
TAKES_LONG = [pytest.mark.thorough, pytest.mark.timeout(2 * LONG_CUT_SECONDS)]


@pytest.mark.parametrize("seconds", [1, *(pytest.param(long, marks=TAKES_LONG) for long in (20, LONG_CUT_SECONDS))])
def test_images_given_without_a_connection_are_kept_and_sent(
    page: Page, network: CuttableProxy, gateway: StubGateway, photos: list[Photo], seconds: float
) -> None:
    network.cut()
    connected(page, False)
    give_files(page, *(photo.path for photo in photos[:3]))
    said(page, "disconnected")
    assert gateway.bodies == []
    page.wait_for_timeout(seconds * 1000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    said(page, "disconnected")
    network.mend()
    expect(page.get_by_text("9 of 9 predictions")).to_be_visible(timeout=RECONNECTS_MS)
    assert set(gateway.predicts.values()) == {1}


@pytest.mark.thorough
@pytest.mark.timeout(2 * LONG_CUT_SECONDS)
def test_a_cut_that_outlasts_the_visit_sends_the_images_again(
    page: Page, network: CuttableProxy, gateway: StubGateway, photos: list[Photo]
) -> None:
    respond = threading.Event()
    gateway.models["efficientnet-lite1"].gate = respond
    give_files(page, *(photo.path for photo in photos))
    wait_for(lambda: len(gateway.predicts) > 30, 20, "half of the images were sent")
    network.cut()
    connected(page, False)
    respond.set()
    page.wait_for_timeout(LONG_CUT_SECONDS * 1000)
    gateway.predicts.clear()
    network.mend()
    said(page, "interrupted")
    expect(page.get_by_text("60 of 60 predictions")).to_be_visible(timeout=RECONNECTS_MS)
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    assert (len(gateway.predicts), set(gateway.predicts.values())) == (60, {1})


def test_an_image_is_shown_before_the_page_has_it(
    page: Page, network: CuttableProxy, gateway: StubGateway, photos: list[Photo]
) -> None:
    network.cut()
    connected(page, False)
    give_files(page, photos[0].path)
    expect(page.locator("[data-at=caption]")).to_have_text(photos[0].path.name)
    expect(page.locator("[data-at=image]")).to_be_visible()
    network.mend()
    assert best_labels(page) == expected_labels(gateway, photos[0].data)


def test_a_reload_continues_the_visit(page: Page, gateway: StubGateway, photos: list[Photo]) -> None:
    respond = threading.Event()
    gateway.models["efficientnet-lite1"].gate = respond
    give_files(page, *(photo.path for photo in photos[:6]))
    expect(page.locator("[data-at=body] tr")).to_have_count(6)
    wait_for(lambda: len(gateway.predicts) >= 14, 20, "the images were sent to the models")
    page.reload()
    expect(page.locator("[data-at=body] tr")).to_have_count(6)
    expect(page.locator("[data-at=body] tr img")).to_have_count(6)
    respond.set()
    expect(page.get_by_text("18 of 18 predictions")).to_be_visible()
    assert (len(gateway.predicts), set(gateway.predicts.values())) == (18, {1})
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".g-welcome")).to_be_visible()


def test_another_tab_starts_its_own_visit(page: Page, network: CuttableProxy, gateway: StubGateway) -> None:
    give_files(page, SAMPLES / "chelsea.jpg")
    labels = best_labels(page)
    other = page.context.new_page()
    other.goto(f"{network.url}/{ALL}")
    expect(other.locator(".g-welcome")).to_be_visible()
    give_files(other, SAMPLES / "rocket.jpg")
    best_labels(other)
    assert best_labels(page) == labels
