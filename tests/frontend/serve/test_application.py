"""The page's server: its headers, its health, whom it lets in, and its end."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from starlette.datastructures import Headers

from frontend.serve.application import options, same_origin
from frontend.settings import Settings
from tests.frontend.conftest import Served, served_page
from tests.running import ROOT, environment


@pytest.mark.parametrize("path", ["/", "/status", "/_stcore/health", "/_stcore/host-config", "/nowhere.js"])
def test_every_answer_carries_the_security_headers(served: Served, path: str) -> None:
    headers = requests.get(served.url + path, timeout=10).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval' blob: 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Permissions-Policy"].startswith("camera=(self)")


def test_the_page_is_ready_when_its_health_says_so(served: Served) -> None:
    answer = requests.get(f"{served.url}/_stcore/health", timeout=10)
    assert (answer.status_code, answer.text) == (200, "ok")


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [("gzip, deflate, br", "gzip"), ("identity", None), ("br;q=1, gzip;q=0", None), ("gzip;q=0.5", "gzip")],
)
def test_scripts_are_sent_compressed_to_whoever_takes_them_so(
    served: Served, accepts: str, encoding: str | None
) -> None:
    index = requests.get(served.url, timeout=10).text
    path = re.findall(r'src="\./(static/js/index[^"]+)"', index)[0]
    plain = requests.get(f"{served.url}/{path}", headers={"Accept-Encoding": "identity"}, timeout=10)
    answer = requests.get(f"{served.url}/{path}", headers={"Accept-Encoding": accepts}, timeout=10)
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.content == plain.content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if encoding:
        assert int(answer.headers["Content-Length"]) < len(plain.content) / 2
        assert "immutable" in answer.headers["Cache-Control"]


def upgrade(served: Served, **headers: str) -> str:
    """The status line for a WebSocket with these headers."""
    host, port = served.url.removeprefix("http://").split(":")
    asked = {
        "Host": f"{host}:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        lines = ["GET /_stcore/stream HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(200).decode("latin-1").splitlines()[0]


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
def test_an_origin_is_the_page_s_own_or_not(headers: dict[str, str], same: bool) -> None:
    assert same_origin(Headers(headers)) is same


def test_streamlit_is_told_what_the_page_relies_on() -> None:
    told = options(Settings("http://gateway", "key", host="0.0.0.0", port=8080))
    assert told["server.enableXsrfProtection"] is True
    assert told["client.showErrorDetails"] == "none"
    assert told["browser.gatherUsageStats"] is False
    assert (told["server.address"], told["server.port"]) == ("0.0.0.0", 8080)


def test_sigterm_ends_the_page(tmp_path: Path) -> None:
    with served_page(tmp_path) as running:
        running.process.terminate()
        assert running.process.wait(10) in {0, -15}
        assert "Traceback" not in (tmp_path / "page.log").read_text()


def test_a_taken_port_is_said_in_one_line(served: Served) -> None:
    port = served.url.rsplit(":", 1)[1]
    variables = environment(API_GATEWAY="http://127.0.0.1:1", API_KEY="k", PORT=port)
    done = subprocess.run(
        [sys.executable, "-m", "frontend"],
        cwd=ROOT,
        env=variables | {"HOME": os.devnull},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"frontend: port {port} is taken; set PORT to another one"]
