"""The visits of a process: their memory, their end, and their continuation after a reload."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from frontend.images.image import Image
from frontend.state.visitor_state import VisitorState
from frontend.state.visits import KEPT_FOR, MAX_PROCESS_BYTES, MAX_PROCESS_UNDECODED, Visits
from tests.frontend.state.test_visitor_state import new_visitor


class Browsers:
    """Which sessions are connected, and a clock."""

    def __init__(self) -> None:
        self.connected: set[str] = set()
        self.now = 0.0

    def visits(self) -> Visits:
        return Visits(self.connected.__contains__, clock=lambda: self.now)

    def visitor(self, visits: Visits, session: str, size: int = 1, handle: str = "h") -> VisitorState:
        visitor = new_visitor()
        visitor.session = session
        visitor.images = [Image(session, "cat.jpg", b"x" * size, handle=handle)]
        visits.add(visitor)
        self.connected.add(session)
        return visitor


@pytest.fixture
def browsers() -> Browsers:
    return Browsers()


def test_all_visitors_together_have_a_limit(browsers: Browsers) -> None:
    visits = browsers.visits()
    crowd: list[Any] = [browsers.visitor(visits, str(number), MAX_PROCESS_BYTES // 4) for number in range(4)]
    late = browsers.visitor(visits, "late", 0)
    assert visits.budget(late).total == 0
    assert visits.budget(crowd[0]).total == MAX_PROCESS_BYTES // 4
    crowd.clear()
    gc.collect()
    assert visits.budget(late).total == MAX_PROCESS_BYTES


def test_files_that_browsers_could_not_decode_leave_memory_for_ordinary_images(browsers: Browsers) -> None:
    visits = browsers.visits()
    heavy = browsers.visitor(visits, "heavy", MAX_PROCESS_UNDECODED, handle="")
    found = visits.budget(browsers.visitor(visits, "ordinary", 0))
    assert (found.undecoded, found.total) == (0, MAX_PROCESS_BYTES - heavy.used.total)


def test_the_visit_of_someone_who_left_ends_after_a_while(browsers: Browsers) -> None:
    visits = browsers.visits()
    gone, here = browsers.visitor(visits, "gone"), browsers.visitor(visits, "here")
    browsers.connected.remove("gone")
    assert visits.end_those_left() == []
    browsers.now = KEPT_FOR
    assert visits.end_those_left() == ["gone"]
    assert (gone.images, len(here.images)) == ([], 1)
    assert visits.resume(gone.visit, "back") is None
    assert visits.end_those_left() == []


def test_a_visitor_who_comes_back_in_time_keeps_the_images(browsers: Browsers) -> None:
    visits = browsers.visits()
    visitor = browsers.visitor(visits, "one")
    for now, connected in ((0.0, False), (KEPT_FOR - 1, True), (KEPT_FOR, False), (2 * KEPT_FOR - 1, False)):
        browsers.now = now
        browsers.connected = {"one"} if connected else set()
        visits._is_connected = browsers.connected.__contains__
        assert visits.end_those_left() == []
    assert len(visitor.images) == 1


def test_a_reload_continues_the_visit_but_another_tab_does_not(browsers: Browsers) -> None:
    visits = browsers.visits()
    visitor = browsers.visitor(visits, "before")
    assert visits.resume(visitor.visit, "another tab") is None
    browsers.connected.remove("before")
    assert visits.resume("unknown", "after") is None
    assert visits.resume(visitor.visit, "after") is visitor
    assert visitor.session == "after"
    assert visits.end_those_left() == ["before"]


def test_an_image_is_found_by_the_token_of_its_visit_only(browsers: Browsers) -> None:
    visits = browsers.visits()
    one, other = browsers.visitor(visits, "one"), browsers.visitor(visits, "other")
    assert visits.image(one.visit, "one") is one.images[0]
    assert visits.image(other.visit, "one") is None
    assert visits.image("unknown", "one") is None
