"""The status view in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.harness.photos import Photo
from benchmarks.harness.stub_gateway import VERSION, StubGateway
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Visitor, best_labels

pytestmark = [pytest.mark.integration, needs_chromium]


def test_the_status_view_shows_every_model_and_keeps_the_results(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor()
    give_files(page, photos[6].path)
    labels = best_labels(page)
    page.get_by_role("link", name="Status").click()
    for model in gateway.models:
        shown = page.locator(f".st-key-status-{model}")
        expect(shown).to_contain_text("ready")
        expect(shown).to_contain_text(VERSION)
        expect(shown).to_contain_text("median")
    page.get_by_role("link", name="Classify").click()
    assert best_labels(page) == labels
