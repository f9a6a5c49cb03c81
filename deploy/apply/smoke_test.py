"""Smoke test: requests every route through the gateway, as a client does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

RETRY_SECONDS = 2.0
# Longer than the longest deadline of a model, so that a slow cold start is not cut off.
RESPONSE_TIMEOUT_SECONDS = 75.0
CONCURRENT_REQUESTS = 8


@dataclass(frozen=True)
class RouteCheck:
    """The response of a route: its status (0 if there was none), the start of its text or the error, and the time."""

    route: str
    status: int
    text: str
    seconds: float


def check_routes(url: str, routes: Iterable[str], key: str) -> list[RouteCheck]:
    """One GET of each route, a few at a time."""
    with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
        return list(pool.map(lambda route: _check_route(url, route, key), routes))


def smoke_test(
    url: str,
    routes: Iterable[str],
    key: str,
    timeout: float,
    *,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[RouteCheck]:
    """Requests each route until it returns 200; the routes that still fail after `timeout` seconds.

    A new key, config or host name takes a minute to become known everywhere, so failures are retried.
    """
    stop = stop or threading.Event()
    deadline = time.monotonic() + timeout
    waiting = list(routes)
    while True:
        failed = [check for check in check_routes(url, waiting, key) if check.status != 200]
        left = deadline - time.monotonic()
        if not failed or left <= 0 or stop.is_set():
            return failed
        tell(f"{describe_check(failed[0])}; retrying for {left:.0f} s")
        waiting = [check.route for check in failed]
        stop.wait(min(RETRY_SECONDS, left))


def describe_check(check: RouteCheck) -> str:
    """The result in words."""
    text = " ".join(check.text.split())
    return f"GET {check.route} " + (f"returned {check.status}: {text}" if check.status else f"failed: {text}")


def _check_route(url: str, route: str, key: str) -> RouteCheck:
    start = time.monotonic()
    with requests.Session() as session:
        # Ignore the environment's proxy on loopback.
        session.trust_env = urlsplit(url).hostname not in ("localhost", "127.0.0.1")
        try:
            response = session.get(
                url + route,
                headers={"x-api-key": key},
                timeout=(10, RESPONSE_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
            status, text = response.status_code, response.text[:200]
        except requests.RequestException as err:
            status, text = 0, _reason(err)
    return RouteCheck(route, status, text, time.monotonic() - start)


def _reason(err: requests.RequestException) -> str:
    if isinstance(err, requests.Timeout):
        return "timed out"
    if isinstance(err, requests.exceptions.SSLError):
        return "the certificate is not valid yet"
    if "resol" in str(err) or "Name or service" in str(err):
        return "the host name is not known yet"
    return "cannot connect"
