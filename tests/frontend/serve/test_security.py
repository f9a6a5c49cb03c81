"""Security headers, and which origins may open a session."""

from __future__ import annotations

import socket
import time

import pytest
import requests
from starlette.datastructures import Headers

from frontend.serve.security import same_origin
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
        ({"host": "page.example:8501", "origin": "https://page.example"}, False),
    ],
)
def test_an_origin_must_be_the_page_s_own(headers: dict[str, str], same: bool) -> None:
    assert same_origin(Headers(headers)) is same
