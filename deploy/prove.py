"""First requests through the gateway, from outside, as a caller makes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

PAUSE_SECONDS = 2.0
# A little longer than a model's longest deadline is too long to wait for one answer; a cold start takes some seconds.
ANSWER_WITHIN = 75.0
AT_ONCE = 8


@dataclass(frozen=True)
class Answer:
    """What a route answered: 0 where there was no answer, and why; and after how many seconds."""

    route: str
    status: int
    said: str
    seconds: float


def ask(address: str, route: str, key: str, within: float = ANSWER_WITHIN) -> Answer:
    """One GET of a route."""
    start = time.monotonic()
    with requests.Session() as session:
        # A proxy of the environment leads outwards; never to this machine.
        session.trust_env = urlsplit(address).hostname not in ("localhost", "127.0.0.1")
        try:
            answer = session.get(
                address + route, headers={"x-api-key": key}, timeout=(10, within), allow_redirects=False
            )
            status, said = answer.status_code, answer.text[:200]
        except requests.RequestException as err:
            status, said = 0, _reason(err)
    return Answer(route, status, said, time.monotonic() - start)


def ask_all(address: str, routes: Iterable[str], key: str, within: float = ANSWER_WITHIN) -> list[Answer]:
    """One GET of each route, a few at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda route: ask(address, route, key, within), routes))


def prove(
    address: str,
    routes: Iterable[str],
    key: str,
    patience: float,
    *,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Answer]:
    """The last answer of every route that did not answer 200 within `patience` seconds; empty where all did.

    A new key, config or name needs a minute until it is known everywhere: what fails is asked again until then.
    """
    stop = stop or threading.Event()
    deadline = time.monotonic() + patience
    waiting = list(routes)
    while True:
        failed = [answer for answer in ask_all(address, waiting, key) if answer.status != 200]
        left = deadline - time.monotonic()
        if not failed or left <= 0 or stop.is_set():
            return failed
        tell(f"{described(failed[0])}; asking again for {left:.0f} s")
        waiting = [answer.route for answer in failed]
        stop.wait(min(PAUSE_SECONDS, left))


def described(answer: Answer) -> str:
    """An answer in words."""
    said = " ".join(answer.said.split())
    return f"GET {answer.route} " + (f"answered {answer.status}: {said}" if answer.status else f"failed: {said}")


def _reason(err: requests.RequestException) -> str:
    if isinstance(err, requests.Timeout):
        return "no answer in time"
    if isinstance(err, requests.exceptions.SSLError):
        return "the certificate is not valid yet"
    if "resol" in str(err) or "Name or service" in str(err):
        return "its name is not known yet"
    return "no connection"
