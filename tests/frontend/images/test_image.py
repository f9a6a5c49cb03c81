"""Images from uploads and URLs, and the limits of what a visitor may keep."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from frontend.images.image import (
    MAX_BYTES,
    MAX_IMAGES,
    MAX_URL_LENGTH,
    Budget,
    Image,
    ImageRefused,
    from_upload,
    from_url,
    limited,
    sample,
)
from frontend.settings import SAMPLES
from services.classifier.fetch import url as services_url

JPEG = b"\xff\xd8\xff\xe0 an image"


def entry(data: bytes = JPEG, name: str = "cat.jpg", **more: Any) -> dict[str, Any]:
    return {"name": name, "data": base64.b64encode(data).decode(), **more}


def test_an_upload_is_identified_by_its_bytes() -> None:
    image = from_upload(entry(original=5_000_000, handle="h1"))
    assert image.id == hashlib.sha256(JPEG).hexdigest()
    assert (image.name, image.data, image.media_type) == ("cat.jpg", JPEG, "image/jpeg")
    assert (image.original_bytes, image.handle, image.preview) == (5_000_000, "h1", "")


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "image/avif"),
        (b"II*\0\x08\0\0\0", "image/tiff"),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
    ],
)
def test_the_media_type_is_told_by_the_first_bytes(head: bytes, media_type: str) -> None:
    assert from_upload(entry(head)).media_type == media_type


def test_a_video_is_not_taken_for_heic() -> None:
    with pytest.raises(ImageRefused):
        from_upload(entry(b"\0\0\0\x18ftypisom\0\0\0\0"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(None, "refused_form", id="nothing"),
        pytest.param({"name": "x"}, "refused_empty", id="no data"),
        pytest.param({"name": "x", "data": 5}, "refused_empty", id="data is a number"),
        pytest.param({"name": "x", "data": "?!"}, "refused_form", id="not base64"),
        pytest.param({"name": "x", "refused": "refused_size"}, "refused_size", id="refused by the browser"),
        pytest.param({"name": "x", "refused": "welcome"}, "refused_empty", id="refused for an unknown reason"),
        pytest.param(entry(b"not an image"), "refused_type", id="a format that no model reads"),
        pytest.param(entry(b"x" * (MAX_BYTES + 10)), "refused_size", id="too large"),
    ],
)
def test_a_malformed_upload_is_refused_with_a_reason(given: Any, reason: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        from_upload(given)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("holiday/2024/cat.jpg", "2024/cat.jpg", id="folders"),
        pytest.param("C:\\images\\cat.jpg", "images/cat.jpg", id="a Windows folder"),
        pytest.param("../../etc/passwd", "etc/passwd", id="a parent folder"),
        pytest.param("a\nb\u202ec\x00.jpg", "abc.jpg", id="control characters"),
        pytest.param("", "image", id="empty"),
        pytest.param("x" * 500 + ".jpg", "x" * 116 + ".jpg", id="too long"),
    ],
)
def test_a_file_s_name_keeps_its_folder_and_only_what_can_be_shown(name: str, shown: str) -> None:
    assert from_upload(entry(name=name)).name == shown


@pytest.mark.parametrize(
    "url",
    ["cat.jpg", "javascript:alert(1)", "data:image/png;base64,AA", "file:///etc/passwd", "http://", "https://a b/c.jpg",
     "https://[1"],
)  # fmt: skip
def test_anything_but_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(ImageRefused, match=r"refused_url$"):
        from_url(url)


def test_urls_may_be_as_long_as_the_services_allow() -> None:
    assert MAX_URL_LENGTH == services_url.MAX_LENGTH
    longest = "https://example.org/".ljust(MAX_URL_LENGTH, "x")
    assert from_url(longest).url == longest
    with pytest.raises(ImageRefused, match="refused_url_length"):
        from_url(longest + "x")


def test_an_image_at_a_url_is_sent_as_the_url() -> None:
    image = from_url(" https://example.org/images/cat.jpg?size=1 ")
    assert (image.payload, image.name) == ("https://example.org/images/cat.jpg?size=1", "cat.jpg")
    assert from_url("https://example.org").name == "example.org"


def images(count: int, size: int = 1, handle: str = "h") -> list[Image]:
    return [Image(id=str(number), name=f"{number}.jpg", data=b"x" * size, handle=handle) for number in range(count)]


def test_duplicates_are_refused() -> None:
    kept, refused = limited([*images(3), *images(2)], Budget())
    assert [image.id for image in kept] == ["0", "1", "2"]
    assert [(each.reason, each.name) for each in refused] == [("refused_twice", "0.jpg"), ("refused_twice", "1.jpg")]


@pytest.mark.parametrize(
    ("given", "free", "kept", "reason"),
    [
        pytest.param(images(MAX_IMAGES + 2), Budget(), MAX_IMAGES, "refused_count", id="too many"),
        pytest.param(images(8, MAX_BYTES), Budget(), 6, "refused_total", id="too large together"),
        pytest.param(images(4, MAX_BYTES, ""), Budget(), 2, "refused_total", id="not decoded by the browser"),
        pytest.param(images(4, MAX_BYTES), Budget(2 * MAX_BYTES), 2, "refused_busy", id="the page is full"),
        pytest.param(
            images(2, 9, ""), Budget(undecoded=9), 1, "refused_busy", id="the page is full of undecoded files"
        ),
    ],
)
def test_what_exceeds_a_limit_is_refused_by_name(given: list[Image], free: Budget, kept: int, reason: str) -> None:
    accepted, refused = limited(given, free)
    assert accepted == given[:kept]
    assert [(each.reason, each.name) for each in refused] == [(reason, image.name) for image in given[kept:]]


def test_only_the_samples_can_be_chosen_by_name() -> None:
    chosen = sample("chelsea", SAMPLES)
    assert chosen is not None
    assert (chosen.name, chosen.preview) == ("chelsea.jpg", "samples/chelsea.jpg")
    assert sample("../settings", SAMPLES) is None
    assert sample("chelsea", None) is None


@pytest.mark.parametrize(
    ("name", "media_type", "saved"),
    [
        ("cat.png", "image/webp", "cat.webp"),
        ("cat.JPEG", "image/jpeg", "cat.JPEG"),
        ("cat", "image/jpeg", "cat"),
        ("pets/cat.jpg", "image/jpeg", "cat.jpg"),
        ("cat.v2.heic", "image/jpeg", "cat.v2.jpg"),
    ],
)
def test_a_saved_image_has_the_extension_of_its_bytes(name: str, media_type: str, saved: str) -> None:
    assert Image("id", name, b"x", media_type=media_type).file_name == saved
