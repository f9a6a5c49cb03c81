"""The ways to give an image, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks.harness.browser import PHONE
from benchmarks.harness.photos import Photo
from benchmarks.harness.stub_gateway import StubGateway
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import IMAGE_SITE, Visitor, best_labels, expected_labels

pytestmark = [pytest.mark.integration, needs_chromium]


def test_a_pasted_image_is_classified_and_pasted_words_are_refused(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor()
    expect(page.get_by_role("button", name="Camera")).to_be_visible()
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.setData("text/plain", "a cat");
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }""")
    expect(page.locator("[data-at=said]")).to_have_text("There is no image in the clipboard.")
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        list(photos[1].data),
    )
    assert best_labels(page) == expected_labels(gateway, photos[1].data)


def test_a_dropped_image_is_classified(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
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
    assert best_labels(page) == expected_labels(gateway, photos[2].data)


def test_a_file_chosen_before_the_inputs_script_ran_is_classified(
    visitor: Visitor, gateway: StubGateway, photos: list[Photo]
) -> None:
    page = visitor()
    page.add_init_script(
        """{
            const listen = EventTarget.prototype.addEventListener;
            EventTarget.prototype.addEventListener = function (event, ...rest) {
                if (event === "change" && this.dataset?.at === "files") {
                    const data = new DataTransfer();
                    data.items.add(new File([new Uint8Array(BYTES)], "early.jpg", { type: "image/jpeg" }));
                    this.files = data.files;
                }
                return listen.call(this, event, ...rest);
            };
        }""".replace("BYTES", str(list(photos[3].data)))
    )
    page.reload()
    assert best_labels(page) == expected_labels(gateway, photos[3].data)


@pytest.mark.parametrize("way", ["paste", "drop", "button"])
def test_a_url_can_be_pasted_and_dropped(visitor: Visitor, gateway: StubGateway, way: str) -> None:
    url = f"{IMAGE_SITE}cat.jpg?{way}"
    page = visitor(image_site=True)
    expect(page.get_by_role("button", name="Camera")).to_be_visible()
    if way == "button":
        page.evaluate("url => navigator.clipboard.writeText(url)", url)
        page.get_by_role("button", name="Paste").click()
    else:
        page.evaluate(
            """([url, way]) => {
                const data = new DataTransfer();
                data.setData(way === "drop" ? "text/uri-list" : "text/plain", url);
                document.body.dispatchEvent(
                    way === "drop"
                        ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
            }""",
            [url, way],
        )
    assert best_labels(page) == expected_labels(gateway, url.encode())
    expect(page.get_by_label("Or an image URL")).to_have_value(url)


def test_a_phone_uses_its_own_camera(visitor: Visitor, gateway: StubGateway, photos: list[Photo]) -> None:
    page = visitor(viewport=PHONE, has_touch=True, is_mobile=True)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Camera").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(photos[0].path)
    assert best_labels(page) == expected_labels(gateway, photos[0].data)


def test_the_camera_takes_a_photo(visitor: Visitor, gateway: StubGateway) -> None:
    page = visitor()
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("""
        () => [...document.querySelectorAll("*")].some(
            e => e.shadowRoot?.querySelector("video")?.videoWidth > 0)
    """)
    page.get_by_role("button", name="Take photo").click()
    best_labels(page)
    assert gateway.bodies[-1].startswith(b"\xff\xd8\xff")


def test_a_phone_photo_is_reduced_in_the_browser_and_shown_upright(
    visitor: Visitor, gateway: StubGateway, tmp_path: Path, photos: list[Photo]
) -> None:
    with Image.open(photos[3].path) as photo:
        large = photo.convert("RGB").resize((4000, 3000))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90°
    large.save(tmp_path / "phone.jpg", quality=97, exif=exif)
    page = visitor(viewport=PHONE)
    give_files(page, tmp_path / "phone.jpg")
    best_labels(page)
    sent = gateway.bodies[-1]
    (tmp_path / "sent.jpg").write_bytes(sent)
    with Image.open(tmp_path / "sent.jpg") as reduced:
        assert reduced.size == (640, 853)
    assert len(sent) < 250_000 < (tmp_path / "phone.jpg").stat().st_size
    shown = page.locator("[data-at=image]").bounding_box()
    assert shown is not None
    assert shown["height"] > shown["width"]
    expect(page.locator("[data-at=note]")).to_contain_text("Reduced before upload")
