"""Reloads while 200 requests are in flight, new backends come and go, and the document is written slowly."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.process import wait_for
from tests.gateway.documents import document, operation
from tests.gateway.echo_backend import Echo, echo_backend
from tests.gateway.running_gateway import RunningGateway, serving

pytestmark = pytest.mark.integration

IN_FLIGHT = 200
RELOADS = 2
# Envoy takes a while to replace so many routes: a cluster that vanishes before they are replaced is noticed.
MORE_PATHS = 400


def shop(stable: str, changing: str, number: int) -> dict[str, Any]:
    """`/stable` always has the same backend, `/changing` a new one with each document, `/old` the one of number 0."""
    paths = {"/stable": stable, "/changing": changing, **({"/old": changing} if number == 0 else {})}
    paths |= {f"/more/{more}": stable for more in range(MORE_PATHS)}
    return document({path: {"get": operation(url)} for path, url in paths.items()})


@contextmanager
def sending(gateway: RunningGateway, paths: tuple[str, ...]) -> Iterator[Counter[object]]:
    """Sends requests without a pause, three threads for each path; counts their statuses and exceptions."""
    results: Counter[object] = Counter()
    stop = threading.Event()

    def send(path: str) -> None:
        while not stop.is_set():
            try:
                outcome: object = gateway.send(f"GET {path}").status
            except (OSError, HTTPException) as err:
                outcome = repr(err)
            results[path, outcome] += 1

    threads = [threading.Thread(target=send, args=(path,)) for path in paths * 3]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def write_slowly(gateway: RunningGateway, changed: Mapping[str, Any], pause: Callable[[], object]) -> None:
    """Write the document in place and in two halves, of which the first alone is an invalid document."""
    text = json.dumps(changed)
    with gateway.document.open("w") as file:
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            file.write(half)
            file.flush()
            pause()


def test_no_request_is_dropped_while_backends_come_and_go(tmp_path: Path) -> None:
    with (
        echo_backend("stable") as stable,
        echo_backend("first") as first,
        echo_backend("second") as second,
        serving(tmp_path, shop(stable.url, first.url, 0)) as gateway,
        ThreadPoolExecutor(IN_FLIGHT) as pool,
    ):
        held = [pool.submit(gateway.send, "GET /old?hold") for _ in range(IN_FLIGHT)]
        wait_for(lambda: first.requests == IN_FLIGHT, 30, "200 requests to arrive")
        with sending(gateway, ("/stable", "/changing")) as results:
            for number in range(1, RELOADS + 1):
                changing = (first, second)[number % 2]
                # The halves are 50 ms apart: the file is looked at every 200 ms.
                write_slowly(gateway, shop(stable.url, changing.url, number), lambda: threading.Event().wait(0.05))
                wait_for(partial(reloaded, gateway, number), 20, "the change")
                wait_for_answers(results)
        assert set(results) == {("/stable", 200), ("/changing", 200)}
        assert gateway.send("GET /old").status == 404
        first.hold.set()
        assert backends_of(held) == Counter({("first", 200): IN_FLIGHT})
        assert not [line for line in gateway.errors if line.startswith("not reloaded")]


def reloaded(gateway: RunningGateway, times: int) -> bool:
    return sum(line.startswith("reloaded") for line in gateway.errors) >= times


def wait_for_answers(results: Counter[object]) -> None:
    """Wait until more requests have been answered, so that every document serves some."""
    before = results.total()
    wait_for(lambda: results.total() >= before + 20, 10, "more responses")


def backends_of(requests: list[Future[Any]]) -> Counter[object]:
    return Counter((response.json["backend"], response.status) for response in (one.result(30) for one in requests))


def test_a_half_written_document_is_not_read(tmp_path: Path, rose: Echo) -> None:
    """The writer pauses several times, each time shorter than the gateway waits for the end of a write."""
    with serving(tmp_path, shop(rose.url, rose.url, 0)) as gateway:
        changed = document({f"/{number}": {"get": operation(rose.url)} for number in range(40)})
        text = json.dumps(changed)
        with gateway.document.open("w") as file:
            for start in range(0, len(text), len(text) // 12):
                file.write(text[start : start + len(text) // 12])
                file.flush()
                threading.Event().wait(0.1)
        wait_for(partial(reloaded, gateway, 1), 10, "the change")
        assert gateway.send("GET /39").status == 200
        assert not [line for line in gateway.errors if line.startswith("not reloaded")]
