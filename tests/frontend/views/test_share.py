"""Feedback, copies and links, in a real browser."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from benchmarks.harness.photos import Photo
from benchmarks.harness.stub_gateway import StubGateway
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import PERMISSIONS, Visitor, best_labels, expected_labels

pytestmark = [pytest.mark.integration, needs_chromium]


def copied(page: Page, button: str) -> str:
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("Copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_the_result_is_copied_as_text_and_as_json(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor()
    give_files(page, photos[0].path)
    labels = best_labels(page)
    text = copied(page, "Copy text").splitlines()
    assert text[0] == photos[0].path.name
    assert text[-1].startswith(f"EfficientNet-Lite2: {labels[2]} ")
    (image,) = json.loads(copied(page, "Copy JSON"))["pictures"]
    assert list(image["models"]) == list(gateway.models)


def test_the_note_of_a_second_copy_stays_as_long_as_that_of_the_first(visitor: Visitor, photos: list[Photo]) -> None:
    page = visitor(permissions=PERMISSIONS)  # a context of its own, because the clock is the context's
    give_files(page, photos[0].path)
    best_labels(page)
    page.clock.install()
    note = page.get_by_text("Copied")
    copied(page, "Copy text")
    page.clock.fast_forward(2000)
    copied(page, "Copy JSON")
    page.clock.fast_forward(2000)
    expect(note).to_be_visible()
    page.clock.fast_forward(2000)
    expect(note).to_have_count(0)


def test_without_the_clipboard_s_interface_the_result_is_copied_too(visitor: Visitor, photos: list[Photo]) -> None:
    page = visitor()
    give_files(page, photos[0].path)
    best_labels(page)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    page.get_by_role("button", name="Copy text").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    page.evaluate("delete navigator.clipboard")
    assert page.evaluate("navigator.clipboard.readText()").startswith(photos[0].path.name)


def test_a_copied_link_opens_the_same_sample_models_and_options(visitor: Visitor) -> None:
    page = visitor()
    page.get_by_role("button", name="A cup of coffee").click()
    labels = best_labels(page)
    page.wait_for_url(re.compile("sample=coffee"))
    assert parse_qs(urlsplit(copied(page, "Copy link")).query) == {"sample": ["coffee"]}
    page.get_by_text("EfficientNet-Lite1", exact=True).first.click()
    expect(page.locator(".g-verdict")).to_have_count(2)
    page.get_by_role("button", name="Options").click()
    page.get_by_text("“Not sure” as measured").click()
    page.get_by_role("slider", name="“Not sure” below").press("ArrowRight")
    page.wait_for_url(re.compile("sure=35"))
    page.keyboard.press("Escape")
    link = copied(page, "Copy link")
    assert parse_qs(urlsplit(link).query) == {
        "sample": ["coffee"],
        "models": ["efficientnet-lite0,efficientnet-lite2"],
        "measured": ["false"],
        "sure": ["35"],
    }
    other = visitor("?" + urlsplit(link).query, color_scheme="dark")
    expect(other.locator(".g-verdict")).to_have_count(2)
    assert other.locator(".g-verdict").all_inner_texts() == [labels[0], labels[2]]
    other.get_by_role("button", name="Options").click()
    expect(other.get_by_role("slider", name="“Not sure” below")).to_have_value("35")
    other.keyboard.press("Escape")
    other.get_by_role("button", name="Remove").click()
    expect(other.locator(".g-welcome")).to_be_visible()
    assert "sample" not in other.url


def test_marks_leave_as_labels_in_both_files(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor("?models=efficientnet-lite0")
    given = sorted(photos[:3], key=lambda photo: photo.path.name)
    asked = [gateway.predictions("efficientnet-lite0", photo.data, 1)[0]["label"] for photo in given]
    give_files(page, *(photo.path for photo in given))
    expect(page.get_by_text("3 of 3 predictions")).to_be_visible()
    page.get_by_role("button", name="Image", exact=True).click()
    page.locator("[data-at=body] th button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Is it “{asked[0]}”?")
    thumbs = dialog.get_by_test_id("stFeedbackButton")
    thumbs.first.click()
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text(f"Is it “{asked[1]}”?")
    thumbs.last.click()
    box = dialog.get_by_role("combobox")
    box.fill("a new label")
    box.press("Enter")
    expect(dialog.get_by_role("combobox")).to_have_value("a new label")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download labels").click()
    name, other = (photo.path.name for photo in given[:2])
    lines = saved.value.path().read_bytes().decode("utf-8-sig").splitlines()
    assert lines == ["image,label", f"{name},{asked[0]}", f"{other},a new label"]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON").click()
    pictures = json.loads(saved.value.path().read_text(encoding="utf-8"))["pictures"]
    assert [each["models"]["efficientnet-lite0"].get("right") for each in pictures] == [True, False, None]
    # The dialog shows the mark again.
    page.locator("[data-at=body] th button").nth(1).click()
    expect(dialog.get_by_role("combobox")).to_have_value("a new label")


def test_one_image_is_marked_without_a_table(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor("?models=efficientnet-lite0")
    give_files(page, photos[0].path)
    (asked, *_) = expected_labels(gateway, photos[0].data)
    expect(page.get_by_text(f"Is it “{asked}”?")).to_be_visible()
    page.get_by_role("radio", name="Thumbs up").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download labels").click()
    assert f"{photos[0].path.name},{asked}" in saved.value.path().read_text(encoding="utf-8-sig")
