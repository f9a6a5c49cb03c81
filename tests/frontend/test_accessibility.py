"""Every view, in both themes and both widths: axe finds nothing, and nothing scrolls sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.harness.browser import DESK, PHONE
from benchmarks.harness.photos import Photo
from benchmarks.harness.stub_gateway import StubGateway, response
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Visitor

pytestmark = [pytest.mark.integration, needs_chromium]


def violations(page: Page, where: str) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{where}: {one['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"][:3]
    ]


def sideways(page: Page, where: str) -> list[str]:
    """By how much the view scrolls sideways."""
    excess = page.evaluate(
        "(() => { const e = document.querySelector('.stMain'); return e.scrollWidth - e.clientWidth })()"
    )
    return [f"{where}: {excess} px too wide"] if excess > 0 else []


def small_targets(page: Page, where: str) -> list[str]:
    """The controls that a finger may miss, on a page that is touched. Links in a sentence may be smaller."""
    return [f"{where}: {each}" for each in page.evaluate(SMALL_TARGETS)]


SMALL_TARGETS = """
() => {
  if (!matchMedia("(pointer: coarse)").matches) return [];
  const all = (root) =>
    [...root.querySelectorAll("*")].flatMap((each) => [each, ...(each.shadowRoot ? all(each.shadowRoot) : [])]);
  return all(document)
    .filter((each) => each.matches("button, select, label.way, input:not([type=file], [type=range], [type=checkbox])"))
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 44 || box.height < 44))
    .map(([each, box]) =>
      `${each.textContent || each.ariaLabel || each.outerHTML.slice(0, 120)}: ${box.width} x ${box.height} px`);
}
"""


@pytest.mark.parametrize(
    ("theme", "viewport"),
    [
        pytest.param("light", PHONE, id="light phone"),
        pytest.param("dark", DESK, id="dark desk"),
        pytest.param("dark", PHONE, id="dark phone", marks=pytest.mark.thorough),
        pytest.param("light", DESK, id="light desk", marks=pytest.mark.thorough),
    ],
)
def test_every_view_is_accessible_and_fits(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo], theme: str, viewport: dict[str, int]
) -> None:
    gateway.models["efficientnet-lite2"].broken = response(500, {"code": 500, "message": "oops"})
    page = visitor(
        "?sure=60", viewport=viewport, color_scheme=theme, reduced_motion="reduce", has_touch=viewport is PHONE
    )
    found: list[str] = []

    def look(where: str) -> None:
        # Streamlit's own sign of a run that takes long, which fades in and out.
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        # Popovers and dialogs fade in; the waiting bars, which never end, are switched off by reduced motion.
        page.evaluate("() => Promise.allSettled(document.getAnimations().map((each) => each.finished))")
        found.extend(violations(page, where) + sideways(page, where) + small_targets(page, where))

    expect(page.locator(".g-welcome")).to_be_visible()
    expect(page.get_by_role("button", name="Camera")).to_be_visible()
    look("welcome")
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(2)
    look("one image")
    for button in ("Details and code", "Options"):
        page.get_by_role("button", name=button).first.click()
        expect(page.locator("[data-testid=stPopoverBody]")).to_be_visible()
        expect(page.locator("[data-testid=stPopoverBody] *").first).to_be_visible()
        look(button)
        if button == "Details and code":
            page.get_by_role("tab", name="Use from code").click()
            expect(page.get_by_test_id("stCode").first).to_be_visible()
            look("code")
        page.keyboard.press("Escape")
        expect(page.locator("[data-testid=stPopoverBody]")).to_have_count(0)
    give_files(page, *(photo.path for photo in photos[:6]))
    expect(page.get_by_text("18 of 18 predictions")).to_be_visible()
    expect(page.locator("[data-at=body] tr")).to_have_count(6)
    look("several images")
    page.locator("[data-at=body] th button").first.click()
    expect(page.get_by_role("dialog").locator(".g-verdict")).to_have_count(2)
    look("dialog")
    page.get_by_role("radio", name="Thumbs down").click()
    expect(page.get_by_role("combobox")).to_be_visible()
    look("feedback")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    if viewport is DESK:  # a phone has its own camera
        page.get_by_role("button", name="Camera").click()
        expect(page.get_by_role("button", name="Take photo")).to_be_visible()
        look("camera")
        page.keyboard.press("Escape")
    page.get_by_role("link", name="Status").click()
    page.get_by_role("button", name="Check again").click()
    cards = page.locator("[class*=st-key-status-]")
    expect(cards.filter(has_text="ready")).to_have_count(2)
    expect(cards.filter(has_text="not responding")).to_have_count(1)
    look("status")
    assert found == []
