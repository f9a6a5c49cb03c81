"""What the page takes as a picture, and what it makes of a stranger's words."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from frontend.api.jobs import JobStore
from frontend.images.image import (
    LARGEST,
    MOST,
    Picture,
    PictureRefused,
    at_address,
    bounded,
    sample,
    sample_names,
    uploaded,
)
from frontend.images.make_samples import make_samples
from frontend.state.visitor_state import Visit

JPEG = b"\xff\xd8\xff\xe0 a picture, as far as the page looks"


def entry(data: bytes = JPEG, name: str = "cat.jpg", **more: Any) -> dict[str, Any]:
    return {"name": name, "data": base64.b64encode(data).decode(), **more}


def test_an_upload_is_known_by_its_bytes() -> None:
    picture = uploaded(entry(original=5_000_000, handle="h1"))
    assert picture.id == hashlib.sha256(JPEG).hexdigest()
    assert (picture.name, picture.data, picture.sent_as) == ("cat.jpg", JPEG, "image/jpeg")
    assert (picture.original_bytes, picture.handle, picture.preview) == (5_000_000, "h1", "")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(None, "refused_form", id="nothing"),
        pytest.param({"name": "x"}, "refused_empty", id="no data"),
        pytest.param({"name": "x", "data": 5}, "refused_empty", id="a number for data"),
        pytest.param({"name": "x", "data": "?!"}, "refused_form", id="no base64"),
        pytest.param({"name": "x", "data": "", "original": LARGEST + 1}, "refused_size", id="said to be too large"),
        pytest.param(entry(b"x" * (LARGEST + 10)), "refused_size", id="too large"),
    ],
)
def test_what_is_no_upload_is_refused_with_a_reason(given: Any, reason: str) -> None:
    with pytest.raises(PictureRefused) as refused:
        uploaded(given)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("holiday/2024/cat.jpg", "cat.jpg", id="a folder"),
        pytest.param("C:\\pictures\\cat.jpg", "cat.jpg", id="a Windows folder"),
        pytest.param("../../etc/passwd", "passwd", id="a way out"),
        pytest.param("a\nb\u202ec\x00.jpg", "abc.jpg", id="what cannot be seen"),
        pytest.param("", "picture", id="none"),
        pytest.param("x" * 500 + ".jpg", "x" * 116 + ".jpg", id="without end"),
    ],
)
def test_a_file_s_name_is_its_last_part_and_can_be_shown(name: str, shown: str) -> None:
    assert uploaded(entry(name=name)).name == shown


@pytest.mark.parametrize(
    "url",
    ["cat.jpg", "javascript:alert(1)", "data:image/png;base64,AA", "file:///etc/passwd", "http://", "https://a b/c.jpg",
     "https://[1", "https://example.org/" + "x" * 3000],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(PictureRefused, match="refused_url"):
        at_address(url)


def test_a_web_address_is_a_picture_which_the_services_fetch() -> None:
    picture = at_address(" https://example.org/pictures/cat.jpg?size=1 ")
    assert (picture.question, picture.name) == ("https://example.org/pictures/cat.jpg?size=1", "cat.jpg")
    assert at_address("https://example.org").name == "example.org"


def test_a_visitor_keeps_a_bounded_number_of_pictures_each_once() -> None:
    many = [Picture(id=str(number % 400), name="x", data=b"x") for number in range(800)]
    assert len(bounded(many)) == MOST
    large = [Picture(id=str(number), name="x", data=b"x" * LARGEST) for number in range(10)]
    assert len(bounded(large)) == 6


def test_the_samples_are_those_of_the_package(tmp_path: Path) -> None:
    made = make_samples(tmp_path)
    assert [path.stem for path in sorted(made)] == sample_names() == ["chelsea", "coffee", "rocket"]
    for path in made:
        kept = sample(path.stem)
        assert kept is not None
        assert kept.data == path.read_bytes()
    assert sample("../settings") is None


@pytest.fixture
def visit() -> Visit:
    def never(*_: object) -> Any:
        raise AssertionError("nothing is asked here")

    return Visit(JobStore(never, never, never))  # type: ignore[arg-type]


def test_batches_add_up_and_the_first_replaces_what_was_there(visit: Visit) -> None:
    visit.take_sample("chelsea")
    visit.take_uploads({"batch": "1", "first": True, "items": [entry(b"one"), {"name": "bad"}]})
    visit.take_uploads({"batch": "2", "first": False, "items": [entry(b"two")]})
    visit.take_uploads({"batch": "2", "first": False, "items": [entry(b"two, once more")]})
    assert [picture.data for picture in visit.pictures] == [b"one", b"two"]
    assert [refused.name for refused in visit.refused] == ["bad"]
    visit.take_address("https://example.org/cat.jpg")
    assert [picture.name for picture in visit.pictures] == ["cat.jpg"]
    visit.take_address("")
    assert (visit.pictures, visit.refused) == ([], [])


@pytest.mark.parametrize("payload", [None, [], {}, {"items": 5}, {"batch": {}, "items": [None, 5, "x"]}])
def test_a_batch_of_another_shape_harms_nothing(visit: Visit, payload: Any) -> None:
    visit.take_uploads(payload)
    assert visit.pictures == []
