"""The page as `make run` serves it, in a real browser, with the real gateway and models."""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.harness.browser import DESK
from benchmarks.harness.photos import Photo
from frontend.locales.texts import Texts
from tests.browsers import PATIENCE_MS, give_files, needs_chromium
from tests.e2e.conftest import Product

pytestmark = [pytest.mark.integration, needs_chromium]


@pytest.fixture
def page(chromium: Browser, product: Product) -> Iterator[Page]:
    """The page, just opened, with the default models chosen."""
    context = chromium.new_context(viewport=DESK, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    opened.goto(product.page)
    expect(opened.locator(".g-welcome")).to_be_visible()
    yield opened
    context.close()


def test_an_upload_is_classified_by_three_models(page: Page, product: Product, photos: list[Photo]) -> None:
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(3)
    for model in product.models:
        best = product.predict(model, photos[0].data).json()[0]
        card = page.locator(f".st-key-card-{model}")
        expect(card.locator(".g-label").first).to_have_text(best["label"])
        expect(card.locator(".g-percent").first).to_have_text(f"{best['score']:.0%}")
        expect(card.locator(".g-parts")).to_contain_text("infer")


def test_twenty_images_by_three_models_fill_the_table(page: Page, photos: list[Photo]) -> None:
    give_files(page, *(photo.path for photo in photos))
    expect(page.get_by_text("60 of 60 predictions")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-at=body] td.done")).to_have_count(60)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    assert saved.value.path().read_text(encoding="utf-8").count('"predictions"') == 60


def test_a_blocked_url_is_refused(page: Page) -> None:
    page.get_by_label("Or an image URL").fill("http://127.0.0.1/secret.jpg")
    page.get_by_label("Or an image URL").press("Enter")
    expect(page.get_by_role("alert")).to_have_text(Texts("en")("error_url_blocked"))
    expect(page.get_by_text(re.compile(r"Request \S+"))).to_have_count(1)


def test_the_curl_command_works_when_pasted(page: Page, product: Product, photos: list[Photo]) -> None:
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(3)
    page.get_by_role("button", name="Details and code").first.click()
    page.get_by_role("tab", name="Use from code").click()
    command = page.locator("[class*=st-key-code-curl-] code").inner_text()
    # The page shows only the default key; its examples read another one from the environment.
    variables = {**os.environ, "API_KEY": product.key}
    run = subprocess.run(
        ["bash", "-c", command],
        cwd=photos[0].path.parent,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert page.locator(".g-label").first.inner_text() in run.stdout


def test_the_status_view_shows_the_models_and_their_receipts(page: Page, product: Product) -> None:
    page.get_by_role("link", name="Status").click()
    expect(page.locator("[class*=st-key-status-]").filter(has_text="ready")).to_have_count(len(product.models))
    expect(page.locator(".g-facts").first).to_contain_text("Precision")
    page.get_by_role("button", name="Receipt").first.click()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text("agreement")


def test_the_api_reference_opens(page: Page) -> None:
    with page.expect_popup() as opened:
        page.get_by_role("link", name="API reference").click()
    opened.value.wait_for_load_state()
    expect(opened.value).to_have_url(re.compile(r"/docs$"))
