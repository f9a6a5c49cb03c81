"""Which paths the page serves."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Browser, expect

from frontend.serve.paths import DESCRIPTION, described
from tests.browsers import needs_chromium
from tests.frontend.conftest import Served


@pytest.mark.integration
@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/status/more",
        "/index.php",
        "/_stcore/metrics",
        "/_stcore/agent/openapi.json",
        "/_stcore/script-health-check",
        "/_stcore/upload_file/a/b",
    ],
)
def test_other_paths_are_unknown(served: Served, path: str) -> None:
    assert requests.get(served.url + path, timeout=10).status_code == 404


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html"),
        ("/status", "text/html"),
        ("/robots.txt", "text/plain"),
        ("/favicon.ico", "image/svg+xml"),
        ("/host", "text/plain"),
        ("/proxy_check.js", "text/javascript"),
        ("/idle.js", "text/javascript"),
    ],
)
def test_the_views_and_what_browsers_and_robots_ask_for_are_served(served: Served, path: str, media_type: str) -> None:
    response = requests.get(served.url + path, timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(media_type)


@pytest.mark.integration
def test_the_first_html_describes_the_page(served: Served) -> None:
    html = requests.get(served.url, timeout=10).text
    assert "<title>Guichet</title>" in html
    assert f'property="og:description" content="{DESCRIPTION}"' in html
    assert "service-desc" not in html


@pytest.mark.integration
@needs_chromium
def test_a_page_behind_a_proxy_that_changes_host_explains_itself(served: Served, chromium: Browser) -> None:
    page = chromium.new_page()
    page.route("**/host", lambda route: route.fulfill(body="backend:8501"))
    page.route_web_socket("**/_stcore/stream", lambda socket: socket.close())
    page.goto(served.url)
    expect(page.locator("#proxy-note")).to_contain_text(f"ALLOWED_ORIGINS={served.url}")
    page.close()


def test_a_description_replaces_streamlit_s_title() -> None:
    assert "Streamlit" not in described("<head><title>Streamlit</title></head>")
