"""Errors of the gateway are shown by browsers where the document lets browsers call: where it declares `options`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page

from benchmarks.harness.process import free_port
from tests.browsers import needs_chromium
from tests.gateway.echo_backend import Echo
from tests.gateway.http_client import Headers
from tests.gateway.running_gateway import RunningGateway, serving

pytestmark = pytest.mark.integration

KEY = {"x-api-key": "good"}


def document() -> dict[str, Any]:
    """Two paths that browsers may call, `/limited` once per minute, and one that they may not."""

    def operation(name: str, host: str = "rose.test", **fields: Any) -> dict[str, Any]:
        backend = {
            "address": f"http://{host}",
            "path_translation": "APPEND_PATH_TO_ADDRESS",
            "deadline": 1,
            "disable_auth": True,
        }
        return {"operationId": name, "x-google-backend": backend, "responses": {"200": {"description": "ok"}}, **fields}

    once = {"metricCosts": {"calls": 1}}
    key: list[dict[str, list[str]]] = [{"api_key": []}]
    return {
        "swagger": "2.0",
        "info": {"title": "Flowers", "version": "1"},
        "host": "flowers.example",
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "x-google-management": {
            "metrics": [{"name": "calls", "displayName": "Calls", "valueType": "INT64", "metricKind": "DELTA"}],
            "quota": {
                "limits": [
                    {"name": "calls", "metric": "calls", "unit": "1/min/{project}", "values": {"STANDARD": 1}},
                ]
            },
        },
        "paths": {
            "/open": {"get": operation("open", security=key), "options": operation("open_options")},
            "/limited": {
                "get": {**operation("limited", security=key), "x-google-quota": once},
                "options": operation("limited_options"),
            },
            "/down": {"get": operation("down", "closed.test"), "options": operation("down_options")},
            "/closed": {"get": operation("closed", security=key)},
        },
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, rose: Echo) -> Iterator[RunningGateway]:
    backends = [
        f"--backend=http://rose.test={rose.url}",
        f"--backend=http://closed.test=http://127.0.0.1:{free_port()}",
    ]
    with serving(tmp_path_factory.mktemp("browsers"), document(), *backends) as gateway:
        yield gateway


ERRORS = [
    pytest.param("GET /open", {}, 401, id="no-key"),
    pytest.param("GET /open", {"x-api-key": "nope"}, 400, id="invalid-key"),
    pytest.param("GET /open", {"x-api-key": "elsewhere"}, 403, id="key-of-another-project"),
    pytest.param("GET /nothing", {}, 404, id="no-such-path"),
    pytest.param("PUT /open", {}, 405, id="no-such-method"),
    pytest.param("GET /open?sleep=2", KEY, 504, id="deadline"),
    pytest.param("GET /down", {}, 503, id="backend-down"),
    pytest.param("GET /open", {**KEY, "connection": "Upgrade", "upgrade": "websocket"}, 403, id="upgrade"),
]


@pytest.mark.parametrize(("line", "headers", "status"), ERRORS)
def test_an_error_of_the_gateway_has_the_header_by_which_browsers_show_it(
    gateway: RunningGateway, line: str, headers: Headers, status: int
) -> None:
    response = gateway.send(line, headers)
    assert response.status == status
    assert response.message
    assert response.headers["access-control-allow-origin"] == "*"


def test_so_has_the_error_for_a_quota(gateway: RunningGateway) -> None:
    key = {"x-api-key": "second"}
    assert gateway.send("GET /limited", key).status == 200
    response = gateway.send("GET /limited", key)
    assert response.status == 429
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(("line", "status"), [("GET /closed", 401), ("OPTIONS /closed", 405)])
def test_where_the_document_declares_no_options_the_header_is_absent(
    gateway: RunningGateway, line: str, status: int
) -> None:
    response = gateway.send(line, {"origin": "https://a.example", "access-control-request-method": "GET"})
    assert response.status == status
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("status", [200, 404, 500])
def test_responses_of_backends_are_left_as_they_are(gateway: RunningGateway, status: int) -> None:
    response = gateway.send(f"GET /open?status={status}", KEY)
    assert response.status == status
    assert "access-control-allow-origin" not in response.headers


def test_a_rejected_upgrade_says_what_to_leave_out(gateway: RunningGateway) -> None:
    response = gateway.send("GET /open", {**KEY, "connection": "Upgrade", "upgrade": "websocket"})
    assert "without the Upgrade header" in response.message


class BlankPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    """A page of another origin than the gateway."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as server, chromium.new_page() as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        server.shutdown()


@needs_chromium
def test_chromium_shows_the_error_to_a_page_of_another_origin(gateway: RunningGateway, page: Page) -> None:
    fetch = "url => fetch(url).then(response => response.json())"
    url = f"http://127.0.0.1:{gateway.port}"
    assert page.evaluate(fetch, f"{url}/open")["code"] == 401
    assert page.evaluate(fetch, f"{url}/open?key=elsewhere")["code"] == 403
    assert page.evaluate(fetch, f"{url}/nothing")["code"] == 404
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate(fetch, f"{url}/closed")
