"""The loop that everything waits in: files, threads, the time, and coroutines that wait for each other."""

from __future__ import annotations

import gc
import logging
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from services.web.loop import SWEEP_SECONDS, Future, Loop
from tests.services.looping import run, turn_until


@pytest.fixture
def loop() -> Loop:
    """With two threads, which wait for work until the tests end."""
    made = Loop()
    made.start_threads(2)
    return made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_a_thread_returns_or_raises_comes_back_to_the_loop(loop: Loop) -> None:
    me = threading.get_ident()

    async def ask() -> list[object]:
        there = await loop.elsewhere(threading.get_ident)
        with pytest.raises(ZeroDivisionError):
            await loop.elsewhere(lambda: 1 // 0)
        return [there, threading.get_ident()]

    there, back = run(loop, ask())
    assert there != me
    assert back == me


def test_while_one_waits_others_go_on(loop: Loop) -> None:
    order: list[str] = []
    door = loop.future()

    async def wait() -> None:
        order.append("waits")
        order.append(await door)

    async def open_it() -> None:
        order.append("opens")
        door.set_result("enters")

    loop.start(wait())
    loop.start(open_it())
    turn_until(loop, lambda: len(order) == 3)
    assert order == ["waits", "opens", "enters"]


def test_the_first_result_counts(loop: Loop) -> None:
    async def wait_for(future: Future[str]) -> str:
        return await future

    future = loop.future()
    future.set_result("first")
    future.set_result("second")
    future.set_exception(KeyError())
    assert run(loop, wait_for(future)) == "first"


def test_a_wait_ends_when_its_time_is_over_and_not_before(loop: Loop) -> None:
    async def wait() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await loop.future(began + 0.1)
        return time.monotonic() - began

    assert 0.1 <= run(loop, wait()) < 0.1 + 4 * SWEEP_SECONDS


def test_a_step_that_fails_is_logged_by_its_kind_and_harms_no_other(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        await loop.others()
        raise KeyError("a stranger's words")

    done: list[bool] = []
    loop.start(fail())
    loop.soon(lambda: 1 // 0)
    loop.soon(lambda: done.append(True))
    with caplog.at_level(logging.ERROR):
        turn_until(loop, lambda: bool(done) and len(caplog.records) == 2)
    assert {vars(record)["kind"] for record in caplog.records} == {"KeyError", "ZeroDivisionError"}
    assert "stranger" not in caplog.text


def test_callers_can_be_made_to_wait_while_all_else_goes_on(
    loop: Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    heard: list[float] = []
    worked: list[float] = []
    loop.watch_caller(pair[0], selectors.EVENT_READ, lambda _events: heard.append(time.monotonic()))
    pair[1].send(b"!")
    began = time.monotonic()
    loop.let_callers_wait(0.2)
    # Asked for again, it is no longer than that.
    loop.let_callers_wait(60)

    async def work() -> None:
        worked.append(await loop.elsewhere(time.monotonic))

    loop.start(work())
    turn_until(loop, lambda: bool(heard))
    assert heard[0] - began >= 0.2
    assert worked[0] < heard[0]


def test_a_file_that_is_watched_no_more_is_quiet(loop: Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    heard: list[int] = []
    loop.watch(pair[0], selectors.EVENT_READ, heard.append)
    pair[1].send(b"!")
    loop.turn()
    loop.watch(pair[0], 0, heard.append)
    loop.watch(pair[0], 0, heard.append)
    loop.turn()
    assert heard == [selectors.EVENT_READ]


def test_steps_that_lead_to_one_another_for_ever_leave_time_for_files(
    loop: Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    heard: list[int] = []

    def again() -> None:
        loop.soon(again)

    again()
    loop.watch(pair[0], selectors.EVENT_READ, heard.append)
    pair[1].send(b"!")
    turn_until(loop, lambda: bool(heard))


def test_what_an_error_has_seen_is_freed_with_it(loop: Loop) -> None:
    class Body:
        pass

    body = Body()
    freed = weakref.ref(body)

    async def ask(held: Body) -> None:
        def work() -> None:
            raise KeyError(held)

        with pytest.raises(KeyError):
            await loop.elsewhere(work)

    gc.disable()
    try:
        loop.start(ask(body))
        del body
        turn_until(loop, lambda: freed() is None)
    finally:
        gc.enable()


def test_a_system_that_gives_no_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError):
        Loop().start_threads(2)
