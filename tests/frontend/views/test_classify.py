"""What visitors do, in a real browser, with the real page; the gateway is a stub that counts what it is asked."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browsers import PHONE, needs_chromium
from tests.frontend.conftest import IMAGES, Visitor, give_files
from tests.frontend.stub_gateway import StubGateway, problem, response
from tests.running import Photo, wait_for

pytestmark = needs_chromium
ALL = "?models=efficientnet-lite0,efficientnet-lite1,efficientnet-lite2"


def verdicts(page: Page) -> list[str]:
    """The answers, one per model, once all three are there."""
    expect(page.locator(".g-verdict")).to_have_count(3)
    return page.locator(".g-verdict").all_inner_texts()


def expected(gateway: StubGateway, picture: bytes) -> list[str]:
    return [str(gateway.predictions(name, picture, 1)[0]["label"]) for name in gateway.models]


def test_an_upload_is_answered_by_three_models_with_bars(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor()
    give_files(page, photos[0].path)
    assert verdicts(page) == expected(gateway, photos[0].data)
    expect(page.locator(".g-bars").first.locator("li")).to_have_count(5)
    widths = page.locator(".g-bars").first.locator(".g-track > span").evaluate_all("all => all.map(e => e.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1] > 0
    expect(page.locator(".g-parts").first).to_contain_text("infer")
    assert set(gateway.predicts.values()) == {1}
    assert len(gateway.predicts) == 3


def test_a_picture_s_address_goes_to_the_services_and_into_the_link(visitor: Visitor, gateway: StubGateway) -> None:
    url = f"{IMAGES}cat.jpg?size=2"
    page = visitor()
    page.get_by_label("Or a picture’s address").fill(url)
    page.get_by_label("Or a picture’s address").press("Enter")
    said = verdicts(page)
    assert said == expected(gateway, url.encode())
    page.get_by_text("EfficientNet-Lite2", exact=True).first.click()
    expect(page.locator(".g-verdict")).to_have_count(2)
    page.wait_for_url(re.compile(r"models=efficientnet-lite0%2Cefficientnet-lite1&|&models=[^&]*lite1$"))

    other = visitor(page.url[page.url.index("?") :], color_scheme="light")
    expect(other.locator(".g-verdict")).to_have_count(2)
    assert other.locator(".g-verdict").all_inner_texts() == said[:2]
    expect(other.get_by_label("Or a picture’s address")).to_have_value(url)


def test_a_pasted_picture_is_classified(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor()
    expect(page.get_by_role("button", name="Camera")).to_be_visible()
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        list(photos[1].data),
    )
    assert verdicts(page) == expected(gateway, photos[1].data)


def test_a_dropped_picture_is_classified(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor()
    expect(page.get_by_role("button", name="Camera")).to_be_visible()
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
            for (const kind of ["dragover", "drop"])
                document.body.dispatchEvent(
                    new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(photos[2].data),
    )
    assert verdicts(page) == expected(gateway, photos[2].data)


def test_the_camera_takes_a_picture(visitor: Visitor, gateway: StubGateway) -> None:
    page = visitor()
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("""
        () => [...document.querySelectorAll("*")].some(
            e => e.shadowRoot?.querySelector("video")?.videoWidth > 0)
    """)
    page.get_by_role("button", name="Take the picture").click()
    verdicts(page)
    assert gateway.bodies[-1].startswith(b"\xff\xd8\xff")


def test_a_phone_photo_is_made_smaller_in_the_page_and_shown_upright(
    visitor: Visitor, gateway: StubGateway, tmp_path: Path, photos: list[Photo]
) -> None:
    from PIL import Image

    with Image.open(photos[3].path) as photo:
        large = photo.convert("RGB").resize((4000, 3000))
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright: to be turned by a quarter
    large.save(tmp_path / "phone.jpg", quality=97, exif=exif)
    page = visitor(viewport=PHONE)
    give_files(page, tmp_path / "phone.jpg")
    verdicts(page)
    sent = gateway.bodies[-1]
    (tmp_path / "sent.jpg").write_bytes(sent)
    with Image.open(tmp_path / "sent.jpg") as picture:
        assert picture.size == (640, 853)
    assert len(sent) < 250_000 < (tmp_path / "phone.jpg").stat().st_size
    shown = page.locator("[data-at=picture]").bounding_box()
    assert shown is not None
    assert shown["height"] > shown["width"]
    expect(page.locator("[data-at=note]")).to_contain_text("Made smaller before sending")


def test_a_folder_of_twenty_survives_a_click_and_sends_nothing_twice(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, photo in enumerate(photos):
        (folder / f"{number:02}.jpg").write_bytes(photo.data)
    (folder / "notes.txt").write_text("no picture")
    half = threading.Event()
    for behaviour in gateway.models.values():
        behaviour.delay = 0.02
    gateway.models["efficientnet-lite1"].gate = half
    page = visitor(ALL)
    give_files(page, folder, at="folder")
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    expect(page.get_by_text("of 60 answers")).to_be_visible()
    # Midway: another look at the same, which runs the whole script again.
    page.get_by_role("button", name="Options").click()
    slider = page.get_by_role("slider", name="Labels per model")
    slider.press("ArrowRight")
    page.wait_for_url(re.compile("top=6"))
    page.keyboard.press("Escape")
    half.set()
    expect(page.get_by_text("60 of 60 answers")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-at=body] td.done")).to_have_count(60)
    assert len(gateway.predicts) == 60
    assert set(gateway.predicts.values()) == {1}


def test_many_pictures_can_be_cancelled_resumed_sorted_filtered_and_saved(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    gates = {name: threading.Event() for name in gateway.models}
    for name, behaviour in gateway.models.items():
        behaviour.gate = gates[name]
    page = visitor(ALL)
    give_files(page, *(photo.path for photo in photos))
    expect(page.locator("[data-at=body] tr")).to_have_count(20)
    page.get_by_role("button", name="Cancel").click()
    # Not before the click has arrived: the answers come faster.
    expect(page.locator("[data-at=body] td.cancelled").first).to_be_visible()
    for gate in gates.values():
        gate.set()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    asked = len(gateway.predicts)
    assert asked < 60
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("60 of 60 answers")).to_be_visible(timeout=30_000)
    assert set(gateway.predicts.values()) == {1}

    names = page.locator("[data-at=body] th button span")
    before = names.all_inner_texts()
    page.get_by_role("button", name="Picture", exact=True).click()
    page.get_by_role("button", name="Picture", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    assert names.all_inner_texts() == before[::-1]
    page.get_by_label("Filter by name or label").fill(before[4])
    expect(names).to_have_text([before[4]])
    page.get_by_label("Filter by name or label").fill("")
    page.get_by_label("Show").select_option("differ")
    assert 0 < names.count() < 20
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    assert saved.value.path().read_text().count("\n") == 61
    page.locator("[data-at=body] th button").first.click()
    expect(page.locator(".g-opened")).to_be_visible()
    verdicts(page)


def test_a_model_that_is_down_says_so_and_hides_no_other(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    gateway.models["efficientnet-lite1"].broken = response(503, {"code": 503, "message": "no healthy upstream"})
    page = visitor(ALL)
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(2)
    card = page.locator(".st-key-card-efficientnet-lite1")
    expect(card.locator(".g-error")).to_contain_text("not running at the moment")
    expect(card.locator(".g-request")).to_contain_text("Request ")
    gateway.models["efficientnet-lite1"].broken = None
    card.get_by_role("button", name="Try again").click()
    assert verdicts(page) == expected(gateway, photos[0].data)


def test_a_service_s_words_are_shown_as_words(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    words = "<img src=x onerror=alert(1)> & **bold**"
    gateway.models["efficientnet-lite0"].first = [response(500, problem(500, "odd", words))]
    page = visitor("?models=efficientnet-lite0")
    give_files(page, photos[0].path)
    expect(page.locator(".g-error")).to_have_text(words)
    expect(page.locator(".g-request")).to_contain_text("Request ")


def test_a_file_that_is_no_picture_is_said_to_be_none(visitor: Visitor, gateway: StubGateway, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>.jpg"
    (tmp_path / hostile).write_bytes(b"no picture at all")
    page = visitor()
    give_files(page, tmp_path / hostile)
    verdicts(page)  # the stub answers anything
    expect(page.locator("[data-at=caption]")).to_have_text(hostile)
    (tmp_path / "empty.jpg").write_bytes(b"")
    give_files(page, tmp_path / "empty.jpg")
    expect(page.get_by_role("alert")).to_contain_text("empty.jpg: This file is empty.")


def test_two_visitors_see_their_own_pictures_and_nothing_else(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    one, two = visitor(ALL), visitor(ALL, color_scheme="dark")
    give_files(one, photos[4].path)
    give_files(two, photos[5].path)
    assert verdicts(one) == expected(gateway, photos[4].data)
    assert verdicts(two) == expected(gateway, photos[5].data)
    expect(one.locator("[data-at=caption]")).to_have_text(photos[4].path.name)
    expect(two.locator("[data-at=caption]")).to_have_text(photos[5].path.name)
    # The one's picture once more, from the other: asked again, since nothing is shared.
    give_files(two, photos[4].path)
    expect(two.locator("[data-at=caption]")).to_have_text(photos[4].path.name)
    expect(two.locator(".g-label").first).to_have_text(expected(gateway, photos[4].data)[0])
    assert verdicts(two) == expected(gateway, photos[4].data)
    assert gateway.predicts["efficientnet-lite0", hashlib.sha256(photos[4].data).hexdigest()] == 2


def test_the_page_speaks_french(visitor: Visitor, photos: list[Photo]) -> None:
    page = visitor(locale="fr-FR")
    expect(page.get_by_role("heading", name="Qu’y a-t-il sur votre image ?")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    give_files(page, photos[0].path)
    verdicts(page)
    expect(page.locator(".g-total").first).to_contain_text("en tout")
    page.get_by_role("radio", name="en").or_(page.get_by_role("button", name="en", exact=True)).first.click()
    expect(page.locator(".g-total").first).to_contain_text("in all")
    verdicts(page)


def test_what_a_model_is_and_how_to_call_it_is_shown_on_demand(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor("?models=efficientnet-lite0")
    give_files(page, photos[0].path)
    expect(page.locator(".g-verdict")).to_have_count(1)
    page.get_by_role("button", name="Details and code").click()
    expect(page.get_by_text("Trained on ImageNet-1k")).to_be_visible()
    expect(page.locator(".g-facts")).to_contain_text("fp16")
    page.get_by_role("tab", name="Use from code").click()
    expect(page.locator("pre[aria-label=curl]")).to_contain_text(f"--data-binary @{photos[0].path.name}")
    expect(page.locator("pre[aria-label=curl]")).to_contain_text("$API_KEY")
    assert gateway.key not in page.content()


def test_comparing_takes_as_long_as_the_slowest(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    answer_now = threading.Event()
    for behaviour in gateway.models.values():
        behaviour.gate = answer_now
    page = visitor(ALL)
    give_files(page, photos[0].path)
    wait_for(lambda: len(gateway.predicts) == 3, 20, "all are asked before one has answered")
    answer_now.set()
    verdicts(page)


def test_the_status_view_shows_every_model(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor(ALL)
    give_files(page, photos[6].path)
    verdicts(page)
    page.get_by_role("link", name="Status").click()
    expect(page.locator(".g-state-awake")).to_have_count(3)
    expect(page.locator(".g-facts").first).to_contain_text("0123456789ab")
    expect(page.locator(".g-plot-words").first).to_contain_text("median")
    page.get_by_role("link", name="Classify").click()
    verdicts(page)


def test_a_sample_can_be_tried_and_removed_with_the_keyboard_alone(visitor: Visitor) -> None:
    page = visitor(ALL)
    page.get_by_role("button", name="A cat").focus()
    page.keyboard.press("Enter")
    verdicts(page)
    page.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".g-welcome")).to_be_visible()
