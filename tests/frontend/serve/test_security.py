"""Security headers, and which origins may open a session."""

from __future__ import annotations

import socket
import time

import pytest
import requests
from starlette.datastructures import Headers

from frontend.serve.security import host_allowed, origin_allowed
from frontend.settings import Settings
from tests.frontend.conftest import Served


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/", "/status", "/_stcore/health", "/_stcore/host-config", "/nowhere.js"])
def test_every_response_has_the_security_headers(served: Served, path: str) -> None:
    headers = requests.get(served.url + path, timeout=10).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Permissions-Policy"].startswith("camera=(self)")


def upgrade(served: Served, **headers: str) -> str:
    """The status line of a WebSocket upgrade with these headers."""
    host, port = served.url.removeprefix("http://").split(":")
    request = {
        "Host": f"{host}:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        lines = ["GET /_stcore/stream HTTP/1.1", *(f"{name}: {value}" for name, value in request.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(200).decode("latin-1").splitlines()[0]


@pytest.mark.integration
def test_another_site_s_page_cannot_open_a_session(served: Served) -> None:
    started = time.monotonic()
    assert "403" in upgrade(served, Origin="https://elsewhere.example")
    assert time.monotonic() - started < 2
    assert "101" in upgrade(served, Origin=served.url)


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "page.example"}, True),
        ({"host": "page.example", "origin": "https://page.example"}, True),
        ({"host": "page.example", "origin": "https://page.example.evil.example"}, False),
        ({"host": "page.example", "origin": "null"}, False),
        ({"host": "page.example", "origin": "http://[", "sec-fetch-site": "same-origin"}, False),
        ({"host": "page.example:8501", "origin": "https://page.example"}, False),
        ({"host": "backend:8501", "origin": "https://page.example", "sec-fetch-site": "same-origin"}, True),
        ({"host": "backend:8501", "origin": "https://page.example", "sec-fetch-site": "cross-site"}, False),
        ({"host": "backend:8501", "origin": "https://allowed.example"}, True),
    ],
)
def test_an_origin_must_be_the_page_s_own(headers: dict[str, str], same: bool) -> None:
    assert origin_allowed(Headers(headers), {"https://allowed.example"}) is same


@pytest.mark.parametrize(
    ("listens_on", "host", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8501", True),
        ("127.0.0.1", "localhost:8501", True),
        ("localhost", "[::1]:8501", True),
        ("127.0.0.1", "rebound.example:8501", False),
        ("127.0.0.1", "127.0.0.1.rebound.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "allowed.example", True),
        ("0.0.0.0", "page.example", True),
        ("127.0.0.1", "[::1", False),
    ],
)
def test_on_loopback_only_this_machine_s_names_are_served(listens_on: str, host: str, allowed: bool) -> None:
    settings = Settings("http://g", "k", host=listens_on, allowed_origins=frozenset({"https://allowed.example"}))
    assert host_allowed(Headers({"host": host}), settings) is allowed


@pytest.mark.integration
def test_a_rebound_name_gets_an_explanation_and_no_session(served: Served) -> None:
    response = requests.get(served.url, headers={"Host": "rebound.example"}, timeout=10)
    assert response.status_code == 421
    assert "ALLOWED_ORIGINS" in response.text
    assert "421" in upgrade(served, Host="rebound.example", Origin="http://rebound.example")


@pytest.mark.integration
def test_a_proxy_that_changes_host_can_be_told_by_the_browser(served: Served) -> None:
    assert "101" in upgrade(served, Origin="https://page.example", **{"Sec-Fetch-Site": "same-origin"})
