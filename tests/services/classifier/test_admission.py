"""More requests than a service can predict: which are admitted, which are queued, and which are refused at once.

Cases 48, 50 and 51 of the hostile inputs; case 49 is the soak's.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.harness.process import wait_for
from services.classifier.admission import Admission
from services.classifier.problems import QueueTimeout
from services.problems import CallerGone, Overloaded
from tests.running import Service
from tests.services.fake_model import StartFake
from tests.services.raw_http import connection, head, next_response, require_log_lines


@dataclass(frozen=True)
class Received:
    """A response."""

    status: int
    code: str
    retry_after: str | None = None


class Caller:
    """A keep-alive connection that sends one request after the other."""

    def __init__(self, service: Service) -> None:
        parts = urlsplit(service.url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        self._connection.connect()

    def send(self, words: str = "", path: str = "/predict") -> Received:
        self._connection.request("POST" if words else "GET", path, words or None)
        response = self._connection.getresponse()
        document = json.loads(response.read())
        code = document["code"] if response.status >= 400 else ""
        return Received(response.status, code, response.headers["Retry-After"])

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def callers(service: Service, count: int) -> Iterator[list[Caller]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Caller(service))) for _ in range(count)]


@pytest.mark.integration
def test_a_burst_fills_the_slots_and_the_rest_is_refused_at_once(start_fake: StartFake) -> None:
    fake = start_fake(GUICHET_CONCURRENCY="6", GUICHET_PROCESSES="1")
    names = [f"n{number}" for number in range(24)]
    with callers(fake.service, 24) as burst, callers(fake.service, 1) as (probe,), ThreadPoolExecutor(24) as pool:
        sent = [pool.submit(caller.send, f"{name} hold") for caller, name in zip(burst, names, strict=True)]
        # No admitted request ends before it is released, so all responses until now are refusals.
        wait_for(lambda: sum(one.done() for one in sent) == 18, 20, "the others to be refused")
        assert {one.result() for one in sent if one.done()} == {Received(429, "overloaded", "1")}
        assert probe.send(path="/live").status == 200
        fake.release(*names)
        assert sorted(one.result().status for one in sent) == [200] * 6 + [429] * 18
    assert len(fake.predicted()) == 6


@pytest.mark.integration
def test_a_request_is_not_predicted_once_its_deadline_has_passed(start_fake: StartFake) -> None:
    fake = start_fake(GUICHET_PROCESSES="1", GUICHET_DEADLINE="0.5")
    with callers(fake.service, 2) as (first, second), ThreadPoolExecutor(2) as pool:
        working = pool.submit(first.send, "first hold")
        fake.wait_until_predicting("first")
        assert second.send("second") == Received(429, "queue_timeout", "1")
        fake.release("first")
        assert working.result().status == 200
    assert fake.predicted() == ["first"]


@pytest.mark.integration
def test_a_request_that_would_wait_past_its_deadline_is_refused_at_once(start_fake: StartFake) -> None:
    fake = start_fake(GUICHET_PROCESSES="1", GUICHET_DEADLINE="0.5")
    with callers(fake.service, 2) as (first, second), ThreadPoolExecutor(2) as pool:
        # The service learns how long a prediction takes.
        assert first.send("slow sleep 0.4").status == 200
        working = pool.submit(first.send, "first hold")
        fake.wait_until_predicting("first")
        assert second.send("second") == Received(429, "overloaded", "1")
        fake.release("first")
        working.result()
    assert "second" not in fake.predicted()


@pytest.mark.integration
def test_probes_get_responses_while_all_slots_are_taken(start_fake: StartFake) -> None:
    fake = start_fake(GUICHET_PROCESSES="1", GUICHET_CONCURRENCY="4")
    with callers(fake.service, 4) as working, callers(fake.service, 1) as (probe,), ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(caller.send, f"n{number} hold") for number, caller in enumerate(working)]
        # While a slot is free, this is refused for its top_k and releases the slot.
        wait_for(lambda: probe.send("x", "/predict?top_k=0").status == 429, 20, "all slots to be taken")
        for path in ("/live", "/ready") * 10:
            assert probe.send(path=path).status == 200
        assert not any(one.done() for one in sent)
        fake.release(*(f"n{number}" for number in range(4)))
        assert [one.result().status for one in sent] == [200] * 4


def reset(sock: socket.socket) -> None:
    """Close the connection as if the caller had crashed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


@pytest.mark.integration
@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "closed"])
def test_a_request_is_not_predicted_if_its_caller_has_disconnected(
    start_fake: StartFake, leave: Callable[[socket.socket], None]
) -> None:
    fake = start_fake(GUICHET_PROCESSES="1", GUICHET_CONCURRENCY="3")
    sockets = {name: connection(fake.service) for name in ("working", "waiting", "uploading", "patient")}
    for name, sock in sockets.items():
        body = f"{name} hold".encode()
        sock.sendall(head("POST", expect="100-continue", content_length=str(len(body) + (name == "uploading"))))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(body)
        if name == "working":
            fake.wait_until_predicting("working")
    for name in ("working", "waiting", "uploading"):
        leave(sockets[name])
    # The service sees that they have disconnected before it sees this request.
    with callers(fake.service, 1) as (probe,):
        assert probe.send(path="/live").status == 200
    fake.release("working", "patient")
    with sockets["patient"] as patient:
        assert next_response(patient).status == 200
    assert fake.predicted() == ["working", "patient"]
    # All slots are free again.
    with callers(fake.service, 3) as three, ThreadPoolExecutor(3) as pool:
        assert [one.status for one in pool.map(lambda caller: caller.send("after"), three)] == [200] * 3
    lines = require_log_lines(fake.service)
    assert not [line for line in lines if line["severity"] in ("ERROR", "CRITICAL")]


class Queue:
    """Requests that wait for the workers of one Admission."""

    def __init__(self, workers: int = 1) -> None:
        self.admission = Admission(10, workers)
        self.outcomes: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, name: str, seconds: float = 5, gone: bool = False) -> None:
        """Queue a request for a worker; returns once it is queued."""
        self._tasks.append(asyncio.create_task(self._use_worker(name, seconds, gone)))
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def occupied(self) -> AsyncIterator[None]:
        """Hold a worker."""
        async with self.admission.worker(asyncio.get_running_loop().time() + 5, bool):
            yield

    async def finished(self) -> list[str]:
        """The outcomes of all requests."""
        await asyncio.gather(*self._tasks)
        return self.outcomes

    async def _use_worker(self, name: str, seconds: float, gone: bool) -> None:
        try:
            async with self.admission.worker(asyncio.get_running_loop().time() + seconds, lambda: gone):
                self.outcomes.append(name)
        except (Overloaded, QueueTimeout, CallerGone) as problem:
            self.outcomes.append(f"{name}: {problem.code}")


def on_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Decorate a test that is a coroutine."""

    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 20))

    run.__name__ = test.__name__
    return run


@on_a_loop
async def test_workers_are_given_in_order_of_arrival() -> None:
    queue = Queue()
    async with queue.occupied():
        for number in range(8):
            await queue.join(str(number))
    assert await queue.finished() == list("01234567")


@on_a_loop
async def test_requests_that_time_out_or_whose_caller_disconnects_pass_the_worker_on() -> None:
    queue = Queue()
    async with queue.occupied():
        await queue.join("late", seconds=0.05)
        await queue.join("gone", gone=True)
        await queue.join("patient")
        while not queue.outcomes:
            await asyncio.sleep(0.01)
    assert await queue.finished() == ["late: queue_timeout", "gone: caller_gone", "patient"]
    await queue.join("next")
    assert (await queue.finished())[-1] == "next"


@on_a_loop
async def test_a_half_closed_request_is_predicted_if_it_need_not_queue() -> None:
    queue = Queue()
    await queue.join("half-closed", gone=True)
    assert await queue.finished() == ["half-closed"]


@on_a_loop
async def test_a_failed_request_releases_its_slot_and_worker() -> None:
    queue = Queue()
    for _ in range(20):
        with pytest.raises(KeyError), queue.admission.request():
            async with queue.occupied():
                raise KeyError
    await queue.join("next")
    assert await queue.finished() == ["next"]


@pytest.mark.parametrize("granted", [False, True], ids=["in-the-queue", "just-as-it-gets-a-worker"])
def test_a_cancelled_request_loses_no_worker(granted: bool) -> None:
    async def cancel_one_in_the_queue() -> None:
        queue = Queue()
        async with queue.occupied():
            await queue.join("cancelled")
            if not granted:
                queue._tasks[0].cancel()
                await asyncio.sleep(0)
        queue._tasks[0].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await queue._tasks.pop()
        await queue.join("next")
        assert await queue.finished() == ["next"]

    asyncio.run(asyncio.wait_for(cancel_one_in_the_queue(), 20))


def test_no_more_requests_are_admitted_than_there_are_slots() -> None:
    admission = Admission(2, 1)
    with admission.request(), admission.request(), pytest.raises(Overloaded), admission.request():
        pass
    with admission.request():
        pass


def test_fetches_have_half_of_the_slots_and_at_least_one() -> None:
    for concurrency, fetches in [(1, 1), (2, 1), (5, 2), (8, 4)]:
        admission = Admission(concurrency, 1)
        with contextlib.ExitStack() as stack:
            for _ in range(fetches):
                stack.enter_context(admission.fetch())
            with pytest.raises(Overloaded), admission.fetch():
                pass


@on_a_loop
async def test_no_worker_is_lost_or_given_twice() -> None:
    """Hundreds of requests: some in time, some late, some whose caller has disconnected."""
    workers = 3
    queue = Queue(workers)
    using, most = 0, 0

    async def use(number: int) -> None:
        nonlocal using, most
        with contextlib.suppress(Overloaded, QueueTimeout, CallerGone):
            until = asyncio.get_running_loop().time() + (0.001 if number % 3 == 0 else 5)
            async with queue.admission.worker(until, lambda: number % 5 == 0):
                using += 1
                most = max(most, using)
                await asyncio.sleep(0)
                using -= 1

    await asyncio.gather(*(use(number) for number in range(600)))
    assert (most, using) == (workers, 0)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(queue.occupied())
        await queue.join("too many")
        assert queue.outcomes == []
    assert await queue.finished() == ["too many"]
