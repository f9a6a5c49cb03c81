"""The page behind Debian's nginx, in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.harness.browser import DESK
from benchmarks.harness.photos import Photo
from benchmarks.harness.process import end_process, free_port, wait_for
from tests.browsers import give_files, needs_chromium
from tests.frontend.conftest import Served, best_labels, expected_labels, served_page

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.integration,
    needs_chromium,
    pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx)"),
]
UPGRADE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
HOST = "proxy_set_header Host $http_host;"
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ {server} }}
}}
"""


@contextmanager
def nginx(folder: Path, port: int, server: str) -> Iterator[None]:
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, server=server))
    assert NGINX is not None
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")], text=True
    )
    try:
        wait_for(lambda: (folder / "pid").exists(), 10, "nginx runs")
        yield
    finally:
        end_process(process)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport=DESK, locale="en-GB", ignore_https_errors=True)
    yield context.new_page()
    context.close()


def classify(page: Page, url: str, served: Served, photo: Photo) -> None:
    """Both views, a sample and an upload work at this address."""
    served.gateway.reset()
    page.goto(url)
    sample = page.get_by_role("button", name="A cat").locator("img")
    expect(sample).to_be_visible()
    assert sample.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    give_files(page, photo.path)
    assert best_labels(page) == expected_labels(served.gateway, photo.data)
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("heading", name="Model status")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Model status")).to_be_visible()


def test_the_page_works_below_a_path(served: Served, page: Page, photos: list[Photo], tmp_path: Path) -> None:
    port, path = free_port(), "/guichet/"
    server = f"listen 127.0.0.1:{port}; location {path} {{ proxy_pass {served.url}/; {UPGRADE} {HOST} }}"
    with nginx(tmp_path, port, server):
        classify(page, f"http://127.0.0.1:{port}{path}", served, photos[0])


def test_with_tls_ended_at_nginx_the_page_works(
    served: Served, page: Page, photos: list[Photo], tmp_path: Path
) -> None:
    certificate = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")]
    subprocess.run(["openssl", "req", *certificate, *files], check=True, capture_output=True)
    port = free_port()
    tls = f"ssl_certificate {tmp_path}/certificate.pem; ssl_certificate_key {tmp_path}/key.pem;"
    server = f"listen 127.0.0.1:{port} ssl; {tls} location / {{ proxy_pass {served.url}; {UPGRADE} {HOST} }}"
    with nginx(tmp_path, port, server):
        classify(page, f"https://127.0.0.1:{port}/", served, photos[0])


def test_with_the_default_host_the_page_needs_the_allowed_origin(
    page: Page, photos: list[Photo], tmp_path: Path
) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with served_page(tmp_path, ALLOWED_ORIGINS=origin) as allowed:
        server = f"listen 127.0.0.1:{port}; location / {{ proxy_pass {allowed.url}; {UPGRADE} }}"
        with nginx(tmp_path, port, server):
            classify(page, origin, allowed, photos[0])


@pytest.mark.parametrize(
    ("directives", "explanation"),
    [
        pytest.param(HOST, "Upgrade and Connection", id="no WebSockets"),
        pytest.param(UPGRADE, "changes the Host header", id="default Host"),
    ],
)
def test_a_page_that_cannot_connect_explains_itself(
    served: Served, page: Page, tmp_path: Path, directives: str, explanation: str
) -> None:
    port = free_port()
    server = f"listen 127.0.0.1:{port}; location / {{ proxy_pass {served.url}; {directives} }}"
    with nginx(tmp_path, port, server):
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("#proxy-note")).to_contain_text(explanation)
