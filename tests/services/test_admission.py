"""More requests than can be answered: who comes in, who waits, and who is told at once to try again.

Cases 48, 50 and 51 of the hostile inputs; case 49 is the soak's.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from services.classifier.admission import Admission
from services.classifier.problems import CallerGone, QueueTimeout
from services.web.faults import Overloaded
from services.web.loop import Loop
from tests.running import Service, wait_for
from tests.services.holding import StartHeld
from tests.services.looping import run, turn_until
from tests.services.wire import connection, head, replies, require_log_lines

SOON = 0.2


@dataclass(frozen=True)
class Timed:
    """An answer, and the seconds that it took."""

    status: int
    code: str
    seconds: float
    worked: float
    retry_after: str | None = None


class Caller:
    """A connection that is kept, and asks one thing after the other."""

    def __init__(self, service: Service) -> None:
        parts = urlsplit(service.url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        self._connection.connect()

    def ask(self, words: str = "", path: str = "/predict") -> Timed:
        began = time.monotonic()
        self._connection.request("POST" if words else "GET", path, words or None)
        answer = self._connection.getresponse()
        document = json.loads(answer.read())
        seconds = time.monotonic() - began
        code = document["code"] if answer.status >= 400 else ""
        worked = re.search(r"infer;dur=([0-9.]+)", answer.headers.get("Server-Timing", "infer;dur=0"))
        assert worked
        return Timed(answer.status, code, seconds, float(worked[1]) / 1000, answer.headers["Retry-After"])

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def callers(service: Service, count: int) -> Iterator[list[Caller]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Caller(service))) for _ in range(count)]


def test_of_a_burst_as_many_are_answered_as_there_are_places_and_the_rest_refused(
    start_held: StartHeld,
) -> None:
    held = start_held(GUICHET_CONCURRENCY="6", GUICHET_PROCESSES="1")
    alive: list[float] = []
    over = threading.Event()

    def look() -> None:
        with callers(held.service, 1) as (probe,):
            while not over.is_set():
                answer = probe.ask(path="/live")
                assert answer.status == 200
                alive.append(answer.seconds)

    with callers(held.service, 24) as burst, ThreadPoolExecutor(25) as pool, unless_the_machine_is_too_busy():
        looking = pool.submit(look)
        answers = list(pool.map(lambda caller: caller.ask("n sleep 0.3"), burst))
        over.set()
        looking.result()
        good = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status == 429]
        assert (len(good), len(refused)) == (6, 18)
        assert {(answer.code, answer.retry_after) for answer in refused} == {("overloaded", "1")}
        assert len(held.asked()) == 6
        assert max(answer.seconds for answer in good) < 6 * 0.3 + 0.5
        assert max(answer.seconds for answer in refused) < SOON
        assert max(alive) < SOON


def open_loop(service: Service, rate: float, seconds: float, words: str) -> list[tuple[float, Timed]]:
    """The answers to requests that come when they are due, with the seconds after which they were there."""
    due: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    answers: list[tuple[float, Timed]] = []
    pause = threading.Event()

    def send(caller: Caller) -> None:
        while (at := due.get()) is not None:
            pause.wait(max(0.0, at - time.monotonic()))
            answer = caller.ask(words)
            answers.append((time.monotonic() - began, answer))

    with callers(service, 40) as pool:
        threads = [threading.Thread(target=send, args=[caller]) for caller in pool]
        began = time.monotonic() + 0.2
        for number in range(int(rate * seconds)):
            due.put(began + number / rate)
        for _ in threads:
            due.put(None)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return answers


@pytest.mark.parametrize("times", [2, 5])
def test_offered_more_than_it_can_do_a_service_is_busy_with_answers_all_the_time(
    start_held: StartHeld, times: int
) -> None:
    work, turns, places, seconds = 0.2, 2, 8, 4.0
    held = start_held(GUICHET_CONCURRENCY=str(places), GUICHET_PROCESSES=str(turns))
    peak = turns / work
    with unless_the_machine_is_too_busy():
        answers = open_loop(held.service, times * peak, seconds, f"n sleep {work}")
        assert {answer.status for _, answer in answers} == {200, 429}
        assert len(answers) == int(times * peak * seconds)
        good = [(after, answer) for after, answer in answers if answer.status == 200]
        steady = [answer.worked for after, answer in good if 1 < after <= seconds]
        assert sum(steady) / (seconds - 1) >= 0.9 * turns
        # Who is let in waits for the others inside and no longer.
        assert statistics.quantiles((answer.seconds for _, answer in good), n=20)[-1] <= 2 * places / peak


@contextlib.contextmanager
def unless_the_machine_is_too_busy() -> Iterator[None]:
    """Skips a test whose figures mean nothing, since this process itself was woken late all the time."""
    late: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            began = time.monotonic()
            over.wait(0.02)
            late.append(time.monotonic() - began - 0.02)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    except AssertionError:
        if statistics.quantiles(late, n=10)[-1] > 0.01:
            pytest.skip("this machine is too busy with other things to measure anything")
        raise
    finally:
        over.set()
        looking.join()


def test_a_request_is_not_worked_on_once_its_deadline_has_passed(start_held: StartHeld) -> None:
    held = start_held(GUICHET_PROCESSES="1", GUICHET_DEADLINE="0.5")
    with callers(held.service, 2) as (first, second), ThreadPoolExecutor(2) as pool:
        working = pool.submit(first.ask, "first hold")
        held.wait_until_asked("first")
        late = second.ask("second")
        assert (late.status, late.code, late.retry_after) == (429, "queue_timeout", "1")
        assert 0.4 < late.seconds < 1
        held.release("first")
        assert working.result().status == 200
    assert held.asked() == ["first"]


def test_a_request_that_would_wait_too_long_is_refused_at_once(start_held: StartHeld) -> None:
    held = start_held(GUICHET_PROCESSES="1", GUICHET_DEADLINE="0.5")
    with callers(held.service, 2) as (first, second), ThreadPoolExecutor(2) as pool:
        # It learns how long the model takes.
        assert first.ask("slow sleep 0.4").status == 200
        working = pool.submit(first.ask, "first hold")
        held.wait_until_asked("first")
        refused = second.ask("second")
        assert (refused.status, refused.code) == (429, "overloaded")
        assert refused.seconds < SOON
        held.release("first")
        working.result()
    assert "second" not in held.asked()


def test_probes_wait_for_nothing(start_held: StartHeld) -> None:
    held = start_held(GUICHET_PROCESSES="1", GUICHET_CONCURRENCY="4")
    with callers(held.service, 4) as working, callers(held.service, 1) as (probe,), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(caller.ask, f"n{number} hold") for number, caller in enumerate(working)]
        # While there is a place, this is refused for what it asks; and it never keeps one.
        wait_for(lambda: probe.ask("x", "/predict?top_k=0").status == 429, 5, "all places to be taken")
        for path in ("/live", "/ready") * 10:
            answer = probe.ask(path=path)
            assert answer.status == 200
            assert answer.seconds < SOON
        held.release(*(f"n{number}" for number in range(4)))
        assert [each.result().status for each in asked] == [200] * 4


def break_off(sock: socket.socket) -> None:
    """Close with a reset, as a caller that crashed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


@pytest.mark.parametrize("leave", [break_off, socket.socket.close], ids=["reset", "closed"])
def test_work_whose_caller_has_gone_is_not_done(start_held: StartHeld, leave: Callable[[socket.socket], None]) -> None:
    held = start_held(GUICHET_PROCESSES="1", GUICHET_CONCURRENCY="3")
    sockets = {name: connection(held.service) for name in ("working", "waiting", "uploading", "patient")}
    for name, sock in sockets.items():
        body = f"{name} hold".encode()
        sock.sendall(head("POST", expect="100-continue", content_length=str(len(body) + (name == "uploading"))))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(body)
        if name == "working":
            held.wait_until_asked("working")
    for name in ("working", "waiting", "uploading"):
        leave(sockets[name])
    # The loop sees that they have left before it sees this.
    with callers(held.service, 1) as (probe,):
        assert probe.ask(path="/live").status == 200
    held.release("working", "patient")
    with sockets["patient"] as patient:
        assert replies(patient.recv(4096))[0].status == 200
    assert held.asked() == ["working", "patient"]
    # All places are free again.
    with callers(held.service, 3) as three, ThreadPoolExecutor(3) as pool:
        assert [answer.status for answer in pool.map(lambda caller: caller.ask("after"), three)] == [200] * 3
    lines = require_log_lines(held.service)
    assert not [line for line in lines if line["severity"] in ("ERROR", "CRITICAL")]


class Line:
    """Those who ask one Admission for a turn."""

    def __init__(self, turns: int = 1) -> None:
        self.loop = Loop()
        self.admission = Admission(self.loop, 10, turns)
        self.order: list[str] = []

    def join(self, name: str, seconds: float = 5, gone: bool = False) -> None:
        """Ask for a turn."""
        self.loop.start(self._take_turn(name, time.monotonic() + seconds, gone))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Somebody has the only turn."""
        release = self.loop.future()

        async def hold() -> None:
            async with self.admission.turn(time.monotonic() + 5, bool):
                await release

        self.loop.start(hold())
        yield
        release.set_result(None)

    def wait_for(self, count: int) -> list[str]:
        """What became of those who asked, once it is so many."""
        turn_until(self.loop, lambda: len(self.order) == count)
        return self.order

    async def _take_turn(self, name: str, until: float, gone: bool) -> None:
        try:
            async with self.admission.turn(until, lambda: gone):
                self.order.append(name)
        except (Overloaded, QueueTimeout, CallerGone) as problem:
            self.order.append(f"{name}: {problem.code}")


def test_turns_come_in_the_order_they_were_asked_for() -> None:
    line = Line()
    with line.held():
        for number in range(8):
            line.join(str(number))
    assert line.wait_for(8) == list("01234567")


def test_who_has_gone_and_who_came_too_late_pass_their_turn_on() -> None:
    line = Line()
    with line.held():
        line.join("late", seconds=0.05)
        line.join("gone", gone=True)
        line.join("patient")
        line.wait_for(1)
    assert line.wait_for(3) == ["late: queue_timeout", "gone: caller_gone", "patient"]
    line.join("next")
    assert line.order[-1] == "next"


def test_who_gets_a_turn_at_once_is_answered_even_if_it_sends_no_more() -> None:
    line = Line()
    line.join("half-closed", gone=True)
    assert line.order == ["half-closed"]


def test_a_failure_gives_place_and_turn_back() -> None:
    line = Line()

    async def fail() -> None:
        with line.admission.place():
            async with line.admission.turn(time.monotonic() + 1, bool):
                raise KeyError

    for _ in range(10):
        with pytest.raises(KeyError):
            run(line.loop, fail())
    line.join("next")
    assert line.order == ["next"]


def test_no_more_come_in_than_there_are_places() -> None:
    admission = Admission(Loop(), 2, 1)
    with admission.place(), admission.place(), pytest.raises(Overloaded), admission.place():
        pass
    with admission.place():
        pass


def test_links_have_half_of_the_places_and_at_least_one() -> None:
    for concurrency, links in [(1, 1), (2, 1), (5, 2), (8, 4)]:
        admission = Admission(Loop(), concurrency, 1)
        with contextlib.ExitStack() as stack:
            for _ in range(links):
                stack.enter_context(admission.fetch())
            with pytest.raises(Overloaded), admission.fetch():
                pass


def test_no_turn_is_ever_lost_or_given_twice() -> None:
    """Hundreds of requests that are in time, late or gone, by chance."""
    turns = 3
    line = Line(turns)
    inside, most, ended = 0, 0, 0

    async def take(number: int) -> None:
        nonlocal inside, most, ended
        with contextlib.suppress(Overloaded, QueueTimeout, CallerGone):
            until = time.monotonic() + (0.001 if number % 3 == 0 else 5)
            async with line.admission.turn(until, lambda: number % 5 == 0):
                inside += 1
                most = max(most, inside)
                await line.loop.others()
                inside -= 1
        ended += 1

    for number in range(600):
        line.loop.start(take(number))
    turn_until(line.loop, lambda: ended == 600)
    assert most == turns
    assert inside == 0
    with contextlib.ExitStack() as stack:
        for _ in range(turns):
            stack.enter_context(line.held())
        line.join("too many")
        assert line.order == []
    assert line.wait_for(1) == ["too many"]
