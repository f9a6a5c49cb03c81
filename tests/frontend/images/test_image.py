"""Images from uploads and URLs, and the limits of what a visitor may keep."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from frontend.images.image import (
    MAX_BYTES,
    MAX_IMAGES,
    Image,
    ImageRefused,
    from_upload,
    from_url,
    limited,
    sample,
)

JPEG = b"\xff\xd8\xff\xe0 an image"


def entry(data: bytes = JPEG, name: str = "cat.jpg", **more: Any) -> dict[str, Any]:
    return {"name": name, "data": base64.b64encode(data).decode(), **more}


def test_an_upload_is_identified_by_its_bytes() -> None:
    image = from_upload(entry(original=5_000_000, handle="h1"))
    assert image.id == hashlib.sha256(JPEG).hexdigest()
    assert (image.name, image.data, image.media_type) == ("cat.jpg", JPEG, "image/jpeg")
    assert (image.original_bytes, image.handle, image.preview) == (5_000_000, "h1", "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(None, "refused_form", id="nothing"),
        pytest.param({"name": "x"}, "refused_empty", id="no data"),
        pytest.param({"name": "x", "data": 5}, "refused_empty", id="data is a number"),
        pytest.param({"name": "x", "data": "?!"}, "refused_form", id="not base64"),
        pytest.param({"name": "x", "data": "", "original": MAX_BYTES + 1}, "refused_size", id="too large to be sent"),
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
        pytest.param("holiday/2024/cat.jpg", "cat.jpg", id="a folder"),
        pytest.param("C:\\images\\cat.jpg", "cat.jpg", id="a Windows folder"),
        pytest.param("../../etc/passwd", "passwd", id="a parent folder"),
        pytest.param("a\nb\u202ec\x00.jpg", "abc.jpg", id="control characters"),
        pytest.param("", "image", id="empty"),
        pytest.param("x" * 500 + ".jpg", "x" * 116 + ".jpg", id="too long"),
    ],
)
def test_a_file_s_name_is_reduced_to_what_can_be_shown(name: str, shown: str) -> None:
    assert from_upload(entry(name=name)).name == shown


@pytest.mark.parametrize(
    "url",
    ["cat.jpg", "javascript:alert(1)", "data:image/png;base64,AA", "file:///etc/passwd", "http://", "https://a b/c.jpg",
     "https://[1", "https://example.org/" + "x" * 3000],
)  # fmt: skip
def test_anything_but_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(ImageRefused, match="refused_url"):
        from_url(url)


def test_an_image_at_a_url_is_sent_as_the_url() -> None:
    image = from_url(" https://example.org/images/cat.jpg?size=1 ")
    assert (image.payload, image.name) == ("https://example.org/images/cat.jpg?size=1", "cat.jpg")
    assert from_url("https://example.org").name == "example.org"


def test_duplicates_and_what_exceeds_the_limits_are_dropped() -> None:
    many = [Image(id=str(number % 400), name="x", data=b"x") for number in range(800)]
    assert len(limited(many)) == MAX_IMAGES
    large = [Image(id=str(number), name="x", data=b"x" * MAX_BYTES) for number in range(10)]
    assert len(limited(large)) == 6


def test_only_the_samples_can_be_chosen_by_name() -> None:
    chosen = sample("chelsea")
    assert chosen is not None
    assert (chosen.name, chosen.preview) == ("chelsea.jpg", "/samples/chelsea.jpg")
    assert sample("../settings") is None
