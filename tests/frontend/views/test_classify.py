"""The main view in a real browser, in front of a fake gateway that counts requests."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import wait_for
from benchmarks.harness.stub_gateway import StubGateway, problem, response
from frontend.locales.texts import Texts
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import IMAGE_SITE, Served, Visitor, best_labels, card, expected_labels

pytestmark = [pytest.mark.integration, needs_chromium]
TEXTS = Texts("en")
ALL = "?models=efficientnet-lite0,efficientnet-lite1,efficientnet-lite2"


def test_an_upload_is_classified_by_three_models(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor()
    give_files(page, photos[0].path)
    assert best_labels(page) == expected_labels(gateway, photos[0].data)
    expect(page.locator(".g-bars").first.locator("li")).to_have_count(5)
    widths = page.locator(".g-bars").first.locator(".g-track > span").evaluate_all("all => all.map(e => e.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1] > 0
    expect(page.locator(".g-parts").first).to_contain_text("infer")
    assert set(gateway.predicts.values()) == {1}
    assert len(gateway.predicts) == 3


def test_a_url_goes_to_the_services_and_into_the_link(visitor: Visitor, gateway: StubGateway) -> None:
    url = f"{IMAGE_SITE}cat.jpg?size=2"
    page = visitor(image_site=True)
    page.get_by_label("Or an image URL").fill(url)
    page.get_by_label("Or an image URL").press("Enter")
    labels = best_labels(page)
    assert labels == expected_labels(gateway, url.encode())
    page.get_by_text("EfficientNet-Lite2", exact=True).first.click()
    expect(page.locator(".g-verdict")).to_have_count(2)
    page.wait_for_url(re.compile(r"models=efficientnet-lite0%2Cefficientnet-lite1&|&models=[^&]*lite1$"))

    other = visitor(page.url[page.url.index("?") :], image_site=True, color_scheme="light")
    expect(other.locator(".g-verdict")).to_have_count(2)
    assert other.locator(".g-verdict").all_inner_texts() == labels[:2]
    expect(other.get_by_label("Or an image URL")).to_have_value(url)


def test_a_folder_of_twenty_survives_a_click_and_sends_nothing_twice(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo], tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, photo in enumerate(photos):
        (folder / f"{number:02}.jpg").write_bytes(photo.data)
    (folder / "notes.txt").write_text("not an image")
    half = threading.Event()
    for behaviour in gateway.models.values():
        behaviour.delay = 0.02
    gateway.models["efficientnet-lite1"].gate = half
    page = visitor(ALL)
    give_files(page, folder, at="folder")
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    expect(page.get_by_text("of 60 predictions")).to_be_visible()
    # Run the whole script again halfway.
    page.get_by_role("button", name="Options").click()
    slider = page.get_by_role("slider", name="Labels per model")
    slider.press("ArrowRight")
    page.wait_for_url(re.compile("top=6"))
    page.keyboard.press("Escape")
    half.set()
    expect(page.get_by_text("60 of 60 predictions")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-at=body] td.done")).to_have_count(60)
    expect(page.get_by_role("alert")).to_contain_text("notes.txt")
    assert len(gateway.predicts) == 60
    assert set(gateway.predicts.values()) == {1}


def test_many_images_can_be_cancelled_resumed_sorted_filtered_and_saved(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    gates = {name: threading.Event() for name in gateway.models}
    for name, behaviour in gateway.models.items():
        behaviour.gate = gates[name]
    page = visitor(ALL)
    give_files(page, *(photo.path for photo in photos))
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    page.get_by_role("button", name="Cancel").click()
    # Wait until the click has arrived, or the predictions would come first.
    expect(page.locator("[data-at=body] td.cancelled").first).to_be_visible()
    for gate in gates.values():
        gate.set()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert len(gateway.predicts) < 60
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("60 of 60 predictions")).to_be_visible(timeout=30_000)
    assert set(gateway.predicts.values()) == {1}

    names = page.locator("[data-at=body] th button span")
    before = names.all_inner_texts()
    page.get_by_role("button", name="Image", exact=True).click()
    page.get_by_role("button", name="Image", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    assert names.all_inner_texts() == before[::-1]
    page.get_by_label("Filter by name or label").fill(before[4])
    expect(names).to_have_text([before[4]])
    page.get_by_label("Filter by name or label").fill("")
    page.get_by_label("Show").select_option("differ")
    differ = names.count()
    assert 0 < differ < 20
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    assert saved.value.path().read_text().count("\n") == 61
    opened = names.first.inner_text()
    names.first.click()
    expect(page.get_by_role("dialog")).to_contain_text(opened)
    expect(page.get_by_role("dialog")).to_contain_text(f"1 of {differ}")
    best_labels(page)


def test_a_model_that_is_down_says_so_and_hides_no_other(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    gateway.models["efficientnet-lite1"].broken = response(503, {"code": 503, "message": "no healthy upstream"})
    page = visitor(ALL)
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(2)
    down = card(page, "efficientnet-lite1")
    expect(down.get_by_role("alert")).to_contain_text("not running at the moment")
    expect(down).to_contain_text("Request ")
    gateway.models["efficientnet-lite1"].broken = None
    down.get_by_role("button", name="Try again").click()
    assert best_labels(page) == expected_labels(gateway, photos[0].data)


def test_a_service_s_sentence_is_shown_as_text(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    detail = "<img src=x onerror=alert(1)> & **bold**"
    gateway.models["efficientnet-lite0"].first = [response(500, problem(500, "odd", detail))]
    page = visitor("?models=efficientnet-lite0")
    give_files(page, photos[0].path)
    expect(page.get_by_role("alert")).to_have_text(detail)


def test_a_file_that_is_not_an_image_is_refused(visitor: Visitor, gateway: StubGateway, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>.jpg"
    (tmp_path / hostile).write_bytes(b"not an image")
    page = visitor()
    give_files(page, tmp_path / hostile)
    expect(page.get_by_role("alert")).to_have_text(f"{hostile}: {TEXTS('refused_type')}")
    (tmp_path / "empty.jpg").write_bytes(b"")
    give_files(page, tmp_path / "empty.jpg")
    expect(page.get_by_role("alert")).to_contain_text("empty.jpg: empty file.")
    assert gateway.bodies == []


def test_large_files_that_are_no_images_are_refused_in_the_browser(
    visitor: Visitor, served: Served, gateway: StubGateway, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(7)]
    for file in files:
        file.write_bytes(b"%PDF" * 2_400_000)
    page = visitor(ALL)
    expect(page.locator(".g-welcome")).to_be_visible()
    before = psutil.Process(served.process.pid).memory_info().rss
    give_files(page, *files)
    names = ", ".join(file.name for file in files)
    expect(page.get_by_role("alert")).to_have_text(f"{names}: {TEXTS('refused_type')}")
    assert gateway.bodies == []
    assert psutil.Process(served.process.pid).memory_info().rss - before < 20 * 1024 * 1024


def test_what_is_wrong_with_an_image_is_said_once_and_not_tried_again(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    for behaviour in gateway.models.values():
        behaviour.first = [response(422, problem(422, "image_corrupt", "x"))]
    page = visitor(ALL)
    give_files(page, photos[0].path)
    expect(page.get_by_role("alert")).to_have_text(TEXTS("error_image_corrupt"))
    expect(page.get_by_text(TEXTS("image_refused"))).to_have_count(3)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_two_visitors_see_their_own_images_and_nothing_else(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    one, two = visitor(ALL), visitor(ALL, color_scheme="dark")
    give_files(one, photos[4].path)
    give_files(two, photos[5].path)
    assert best_labels(one) == expected_labels(gateway, photos[4].data)
    assert best_labels(two) == expected_labels(gateway, photos[5].data)
    expect(one.locator("[data-at=caption]")).to_have_text(photos[4].path.name)
    expect(two.locator("[data-at=caption]")).to_have_text(photos[5].path.name)
    # The other visitor's image is sent again, because nothing is shared.
    give_files(two, photos[4].path)
    expect(two.locator("[data-at=caption]")).to_have_text(photos[4].path.name)
    expect(two.locator(".g-label").first).to_have_text(expected_labels(gateway, photos[4].data)[0])
    assert best_labels(two) == expected_labels(gateway, photos[4].data)
    assert gateway.predicts["efficientnet-lite0", hashlib.sha256(photos[4].data).hexdigest()] == 2


def test_the_page_speaks_french(visitor: Visitor, photos: list[Photo]) -> None:
    page = visitor(locale="fr-FR")
    expect(page.get_by_role("heading", name="Qu’y a-t-il sur votre image ?")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    give_files(page, photos[0].path)
    best_labels(page)
    expect(page.locator(".g-total").first).to_contain_text("au total")
    page.get_by_role("radio", name="en").or_(page.get_by_role("button", name="en", exact=True)).first.click()
    expect(page.locator(".g-total").first).to_contain_text("in total")
    best_labels(page)


def test_details_show_the_card_and_the_code(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor("?models=efficientnet-lite0")
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(1)
    page.get_by_role("button", name="Details and code").click()
    expect(page.get_by_text("always names one of its own labels")).to_be_visible()
    expect(page.locator(".g-facts")).to_contain_text("fp16")
    page.get_by_role("tab", name="Use from code").click()
    code = page.locator(".st-key-code-curl-efficientnet-lite0 code")
    expect(code).to_contain_text(f"--data-binary @{photos[0].path.name}")
    expect(code).to_contain_text("$API_KEY")
    assert gateway.key not in page.content()


def test_all_models_run_at_the_same_time(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    respond = threading.Event()
    for behaviour in gateway.models.values():
        behaviour.gate = respond
    page = visitor(ALL)
    give_files(page, photos[0].path)
    wait_for(lambda: len(gateway.predicts) == 3, 20, "three requests are sent before the first response")
    respond.set()
    best_labels(page)


def test_a_sample_can_be_chosen_and_removed_with_the_keyboard(visitor: Visitor) -> None:
    page = visitor(ALL)
    page.get_by_role("button", name="A cat").focus()
    page.keyboard.press("Enter")
    best_labels(page)
    page.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".g-welcome")).to_be_visible()
