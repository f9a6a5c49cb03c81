"""Which forms are accepted, and the error code of all others. Cases 43 and 44 of the hostile inputs."""

from __future__ import annotations

import time

import pytest

from tests.services.classifier.parsed_requests import END, FORM, IMAGE, PART, parsed, part, refused


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(part() + END, id="plain"),
        pytest.param(b"preamble\r\n" + part() + END + b"epilogue", id="around-it"),
        pytest.param(part(head=PART.replace(b"a.png", b"../../etc/passwd")) + END, id="path-as-file-name"),
        pytest.param(part(head=PART.replace(b"a.png", b"C:\\\\a\\\\b.exe")) + END, id="windows-path"),
        pytest.param(part(head=PART.replace(b'; filename="a.png"', b"")) + END, id="no-file-name"),
        pytest.param(part(head=PART.replace(b"a.png", b"")) + END, id="empty-file-name"),
        pytest.param(part(head=PART + b"Content-Type: text/html\r\n") + END, id="type-of-the-part"),
        pytest.param(part(head=PART + b"Content-Transfer-Encoding: binary\r\n") + END, id="binary"),
    ],
)
def test_a_form_contains_the_image_in_the_part_image(body: bytes) -> None:
    assert parsed(FORM, body).image == IMAGE


def test_a_part_may_contain_any_bytes() -> None:
    content = IMAGE + b"\r\n--bb\r\n--\r\n\r\n--" + bytes(range(256)) * 10 + b"\r"
    assert parsed(FORM, part(content) + END).image == content


BAD_FORMS = {
    "nothing": b"",
    "no-end": part(),
    "half-an-end": part() + b"--b-",
    "another-boundary": part().replace(b"--b", b"--c") + b"--c--",
    "wrong-name": part(head=PART.replace(b'"image"', b'"file"')) + END,
    "no-name": part(head=b"--b\r\nContent-Disposition: form-data\r\n") + END,
    "no-disposition": part(head=b"--b\r\nContent-Type: image/png\r\n") + END,
    "empty-file": part(b"", PART.replace(b"a.png", b"")) + END,
    "image-and-another": part() + part(head=PART.replace(b'"image"', b'"other"')) + END,
    "1000-parts": part() * 1000 + END,
    "header-of-100-kB": part(head=PART + b"X: " + b"a" * 100_000 + b"\r\n") + END,
    "header-without-end": PART + b"X: " + b"a" * 100_000,
    "base64": part(head=PART + b"Content-Transfer-Encoding: base64\r\n") + END,
    "quoted-printable": part(head=PART + b"Content-Transfer-Encoding: Quoted-Printable\r\n") + END,
    "nested": part(b"--c\r\n\r\nx\r\n--c--", PART + b"Content-Type: multipart/mixed; boundary=c\r\n") + END,
    "not-utf8": part(head=PART.replace(b"image", b"\xff\xfe")) + END,
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
def test_an_invalid_form_is_refused(body: bytes) -> None:
    assert refused(FORM, body) == "multipart_invalid"


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""']
)
def test_a_form_needs_a_boundary(content_type: str) -> None:
    assert refused(content_type, part() + END) == "media_type_unsupported"


@pytest.mark.parametrize("filler", [b"\r", b"\n", b"\r\n", b"\r\n--", b"\r\n--b", b"--b\r\n", b"-"], ids=repr)
def test_no_content_makes_a_form_slow_to_parse(filler: bytes) -> None:
    body = part((filler * (4 << 20))[: 4 << 20])
    began = time.thread_time()
    assert refused(FORM, body) == "multipart_invalid"
    assert time.thread_time() - began < 1
