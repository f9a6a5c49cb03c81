"""An opened row of the table, in a real browser."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Page, expect

from benchmarks.harness.photos import Photo
from benchmarks.harness.stub_gateway import StubGateway
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Visitor, best_labels, expected_labels

pytestmark = [pytest.mark.integration, needs_chromium]


def open_row(page: Page, number: int) -> None:
    page.locator("[data-at=body] th button").nth(number).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_dialog_shows_the_image_and_goes_through_the_rows_with_the_keyboard(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor()
    given = sorted(photos[:3], key=lambda photo: photo.path.name)
    give_files(page, *(photo.path for photo in given))
    expect(page.get_by_text("9 of 9 predictions")).to_be_visible()
    page.get_by_role("button", name="Image", exact=True).click()
    open_row(page, 1)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 of 3")
    names = page.locator("[data-at=body] th button span").all_inner_texts()
    expect(dialog.locator("figcaption")).to_have_text(names[1])
    assert dialog.locator("figure img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("figcaption")).to_have_text(names[2])
    expect(dialog.get_by_role("button", name="Next")).to_be_disabled()
    last = next(photo for photo in given if photo.path.name == names[2])
    for verdict, label in zip(page.locator(".g-verdict").all(), expected_labels(gateway, last.data), strict=True):
        expect(verdict).to_have_text(label)
    for name in (names[1], names[0]):
        page.keyboard.press("ArrowLeft")
        expect(dialog.locator("figcaption")).to_have_text(name)
    expect(dialog.get_by_role("button", name="Previous")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    open_row(page, 2)
    expect(dialog.locator("figcaption")).to_have_text(names[2])
    assert set(gateway.predicts.values()) == {1}


def test_a_pending_image_is_opened_and_its_predictions_arrive_in_the_dialog(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    respond = threading.Event()
    gateway.models["efficientnet-lite1"].gate = respond
    page = visitor()
    give_files(page, *(photo.path for photo in photos[:2]))
    expect(page.get_by_text("4 of 6 predictions")).to_be_visible()
    open_row(page, 0)
    expect(page.locator(".g-verdict")).to_have_count(2)
    respond.set()
    best_labels(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("6 of 6 predictions")).to_be_visible()
