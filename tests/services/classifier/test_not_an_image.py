"""What the error says about bytes that are not an image."""

from __future__ import annotations

import time

import pytest

from benchmarks.harness.hostile_images import SVG
from services.classifier.not_an_image import FORM_URLENCODED, not_an_image
from services.classifier.problems import ImageUnsupported

PROBLEM = ImageUnsupported("The image is not in a supported format.")


def detail(data: bytes, media_type: str = "", place: str = "The body") -> str:
    return not_an_image(data, media_type, place, PROBLEM).detail


@pytest.mark.parametrize(
    ("media_type", "code"),
    [
        ("", "image_unsupported"),
        ("image/svg+xml", "image_unsupported"),
        ("application/octet-stream", "image_unsupported"),
        ("text/plain", "media_type_unsupported"),
        ("text/html", "media_type_unsupported"),
        ("application/xml", "media_type_unsupported"),
        (FORM_URLENCODED, "media_type_unsupported"),
    ],
)
@pytest.mark.parametrize("data", [b"", b"hello", b"{}", SVG, b"%PDF-1.7"], ids=["empty", "text", "json", "svg", "pdf"])
def test_the_code_depends_on_the_media_type_alone(media_type: str, code: str, data: bytes) -> None:
    problem = not_an_image(data, media_type, "The body", PROBLEM)
    assert (problem.status, problem.code) == (415, code)


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        pytest.param(b"", "`--data-binary @FILE`", id="empty"),
        pytest.param(b'{"url": "https://a.example/a.jpg"}', "`Content-Type: application/json`", id="json"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--b--', "multipart/form-data", id="form"
        ),
        pytest.param(b"https://a.example/cat.jpg\n", '{"url": ', id="url"),
        pytest.param(b"data:image/png;base64,iVBORw0KGgo=", '{"inputs": ', id="data-uri"),
        pytest.param(b"/9j/4AAQSkZJRgABAQAAAQ", '{"inputs": ', id="base64-of-a-jpeg"),
        pytest.param(b"my photo.JPG", "`@`", id="file-name"),
        pytest.param(b"@cat.png", "`@`", id="file-name-without-binary"),
    ],
)
def test_a_common_mistake_is_recognised_and_its_remedy_given(data: bytes, remedy: str) -> None:
    assert remedy in detail(data)


def test_a_form_of_curl_d_is_told_how_to_send_a_file() -> None:
    assert "--data-binary" in detail(b"\xff\xd8 not\r\nquite", FORM_URLENCODED)


def test_without_a_better_explanation_the_decoder_s_is_used() -> None:
    assert not_an_image(b"hello", "image/jpeg", "The body", PROBLEM).detail == PROBLEM.detail


def test_the_message_has_the_declared_type() -> None:
    assert detail(b"hello", "text/x-\u00e9<b>", "`inputs`").startswith("`inputs` is of type text/x-??b?. ")


def test_the_message_says_where_the_image_was() -> None:
    assert detail(b"{}", place="The part `image`").startswith("The part `image` is JSON")


@pytest.mark.parametrize("data", [b" ", b"<", b"<!--", b"<?xml>", b"a", b".jpg", b"--", b"data:"])
def test_no_content_makes_the_recognition_slow(data: bytes) -> None:
    began = time.thread_time()
    detail(data * 5000)
    assert time.thread_time() - began < 0.1
