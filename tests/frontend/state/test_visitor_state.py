"""What a visitor's state does with uploads, URLs and samples."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from frontend.api.jobs import JobStore
from frontend.images.image import Budget, Image
from frontend.results.marks import Mark
from frontend.state.visitor_state import VisitorState

JPEG = b"\xff\xd8\xff"
CHELSEA = Image("1", "chelsea.jpg", JPEG, preview="samples/chelsea.jpg")


def item(data: bytes) -> dict[str, Any]:
    return {"name": "cat.jpg", "data": base64.b64encode(JPEG + data).decode()}


def new_visitor() -> VisitorState:
    def unused(*_: object) -> Any:
        raise AssertionError("nothing is sent here")

    return VisitorState(JobStore(unused, unused, unused))  # type: ignore[arg-type]


@pytest.fixture
def visitor() -> VisitorState:
    return new_visitor()


def test_batches_add_up_and_the_first_replaces_the_images_before(visitor: VisitorState) -> None:
    visitor.use_sample(CHELSEA)
    visitor.add_uploads({"batch": "1", "first": True, "items": [item(b"one"), {"name": "bad"}]})
    visitor.add_uploads({"batch": "2", "first": False, "items": [item(b"two")]})
    visitor.add_uploads({"batch": "2", "first": False, "items": [item(b"two, sent again")]})
    assert [image.data for image in visitor.images] == [JPEG + b"one", JPEG + b"two"]
    assert [refused.name for refused in visitor.refused] == ["bad"]


def test_a_batch_for_a_lost_visit_is_ignored(visitor: VisitorState) -> None:
    visitor.add_uploads({"visit": "lost", "batch": "1", "first": False, "items": [item(b"one")]})
    assert (visitor.images, visitor.batch) == ([], "")
    visitor.add_uploads({"visit": visitor.visit, "batch": "2", "first": True, "items": [item(b"one")]})
    assert len(visitor.images) == 1


def test_marks_of_a_lost_visit_are_restored_with_their_images(visitor: VisitorState) -> None:
    visitor.add_uploads({"batch": "1", "first": True, "items": [item(b"one")]})
    (one,) = visitor.images
    marks = [[one.id, "cat", "lynx"], [one.id, "cat", "older"], ["unknown", "cat", "dog"], [one.id, 5, "x"], "x", None]
    visitor.add_uploads({"batch": "2", "first": False, "items": [item(b"two")], "marks": marks})
    assert visitor.marks == {one.id: Mark("cat", "lynx")}


def test_a_url_replaces_the_images_and_an_empty_one_removes_it(visitor: VisitorState) -> None:
    visitor.use_sample(CHELSEA)
    visitor.use_url("https://example.org/cat.jpg")
    assert [image.name for image in visitor.images] == ["cat.jpg"]
    visitor.use_url("")
    assert (visitor.images, visitor.refused) == ([], [])


def test_a_refused_url_keeps_the_images(visitor: VisitorState) -> None:
    visitor.use_sample(CHELSEA)
    visitor.use_url("cat.jpg")
    assert [refused.reason for refused in visitor.refused] == ["refused_url"]
    assert len(visitor.images) == 1


def test_an_opened_image_is_closed_when_it_is_removed(visitor: VisitorState) -> None:
    visitor.use_sample(CHELSEA)
    visitor.opened = visitor.images[0].id
    visitor.clear()
    assert visitor.opened == ""


def test_the_dialog_goes_through_the_rows_as_the_visitor_sees_them(visitor: VisitorState) -> None:
    visitor.add_uploads({"batch": "1", "first": True, "items": [item(b"one"), item(b"two"), item(b"three")]})
    one, _, three = visitor.images
    visitor.open({"image": three.id, "shown": [three.id, "unknown", one.id]})
    assert (visitor.opened, visitor.rows) == (three.id, [three, one])


@pytest.mark.parametrize(
    "event", [None, "text", {"image": "a"}, {"image": "a", "shown": 5}, {"image": "a", "shown": ["a"]}]
)
def test_a_malformed_event_opens_nothing(visitor: VisitorState, event: Any) -> None:
    visitor.use_sample(CHELSEA)
    visitor.open(event)
    assert visitor.opened == ""


@pytest.mark.parametrize(
    "payload", [None, [], {}, {"items": 5}, {"items": [], "marks": 5}, {"batch": {}, "items": [None, 5, "x"]}]
)
def test_a_malformed_batch_is_ignored(visitor: VisitorState, payload: Any) -> None:
    visitor.add_uploads(payload)
    assert visitor.images == []


def test_what_the_page_has_no_memory_for_is_refused_by_name(visitor: VisitorState) -> None:
    visitor.budget = lambda _: Budget(6, 6)
    visitor.add_uploads({"batch": "1", "first": True, "items": [item(b"one"), item(b"two")]})
    assert len(visitor.images) == 1
    assert [refused.reason for refused in visitor.refused] == ["refused_busy"]


def test_the_visit_says_how_its_images_were_given(visitor: VisitorState) -> None:
    assert visitor.given == ""
    visitor.use_sample(CHELSEA)
    assert visitor.given == "sample"
    visitor.use_url("https://example.org/cat.jpg")
    assert visitor.given == "url"
    visitor.add_uploads({"batch": "1", "first": True, "items": [item(b"one")]})
    assert visitor.given == "upload"


def test_a_refusal_does_not_keep_the_file(visitor: VisitorState) -> None:
    visitor.add_uploads({"batch": "1", "first": True, "items": [{"name": "notes.txt", "data": "AAAA"}, {"name": "x"}]})
    assert [each.name for each in visitor.refused] == ["notes.txt", "x"]
    assert [(each.__traceback__, each.__context__) for each in visitor.refused] == [(None, None)] * 2
