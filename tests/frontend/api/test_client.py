"""The gateway's client, against real HTTP servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks.harness.stub_gateway import Response, StubGateway, problem, response, stub_gateway
from frontend.api.client import GatewayClient, server_timing
from frontend.api.errors import GatewayError

pytestmark = pytest.mark.integration
MODEL = "efficientnet-lite0"


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


@pytest.fixture
def client(gateway: StubGateway) -> GatewayClient:
    return GatewayClient(gateway.address, gateway.key)


def test_the_models_are_those_of_the_directory(client: GatewayClient, gateway: StubGateway) -> None:
    assert [(model.name, model.title) for model in client.models()] == list(gateway.titles.items())


def test_a_prediction_has_labels_scores_timings_and_a_request_id(client: GatewayClient, gateway: StubGateway) -> None:
    gateway.models[MODEL].delay = 0.03
    response = client.predict(MODEL, b"an image", top_k=3)
    assert len(response.predictions) == 3
    assert response.predictions[0].score > response.predictions[1].score > 0
    assert response.version == "0123456789ab"
    assert response.request_id == gateway.requests[-1][2]["X-Request-Id"]
    parts = response.timings.parts
    assert set(parts) == {"decode", "queue", "infer"}
    assert parts["infer"] >= 30
    assert response.timings.network == pytest.approx(response.timings.total - sum(parts.values()))


def test_a_url_is_sent_as_json(client: GatewayClient, gateway: StubGateway) -> None:
    client.predict(MODEL, "https://example.org/cat.jpg")
    assert gateway.bodies == [b'{"url": "https://example.org/cat.jpg"}']


def test_a_wrong_key_is_an_error(gateway: StubGateway) -> None:
    with pytest.raises(GatewayError) as refused:
        GatewayClient(gateway.address, "wrong").models()
    assert (refused.value.status, refused.value.code) == (401, "http_401")


HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(
            response(415, problem(415, "image_unsupported", "x"), Content_Type="application/problem+json"),
            "image_unsupported",
            id="a service's problem",
        ),
        pytest.param(response(504, {"code": 504, "message": "timeout"}), "http_504", id="the gateway's error"),
        pytest.param((502, {"Content-Type": "text/html"}, HTML), "http_502", id="HTML with an error"),
        pytest.param((200, {"Content-Type": "text/html"}, HTML), "not_understood", id="HTML with 200"),
        pytest.param((200, {}, b""), "not_understood", id="empty"),
        pytest.param((200, {}, b"\xff\x00garbage"), "not_understood", id="garbage"),
        pytest.param((200, {}, b"[" * 100_000), "not_understood", id="deeply nested"),
        pytest.param(response(200, {"label": "cat"}), "not_understood", id="JSON of another shape"),
        pytest.param(response(200, [{"label": "cat"}]), "not_understood", id="no scores"),
        pytest.param(response(200, [{"label": "x", "score": float("nan")}]), "not_understood", id="NaN"),
        pytest.param((302, {"Location": "http://127.0.0.1:1/"}, b""), "redirected", id="a redirect"),
        pytest.param((500, {}, b"null"), "http_500", id="null"),
        pytest.param(response(429, {"code": {}, "message": []}), "http_429", id="an error of another shape"),
        pytest.param((200, {}, b"x" * 5_000_000), "not_understood", id="too large"),
    ],
)
def test_every_failure_becomes_one_error_with_the_request_id(
    gateway: StubGateway, client: GatewayClient, reply: Response, code: str
) -> None:
    gateway.models[MODEL].broken = reply
    with pytest.raises(GatewayError) as failed:
        client.predict(MODEL, b"an image")
    assert failed.value.code == code
    assert "\n" not in failed.value.detail
    assert failed.value.request_id


def test_retry_after_is_kept(gateway: StubGateway, client: GatewayClient) -> None:
    gateway.models[MODEL].broken = response(429, problem(429, "overloaded", "Busy."), Retry_After="3")
    with pytest.raises(GatewayError) as failed:
        client.predict(MODEL, b"an image")
    assert (failed.value.status, failed.value.retry_after) == (429, 3.0)
    assert failed.value.request_id == "from-the-service"


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(GatewayError) as failed:
            GatewayClient(address, "key").models()
    assert (failed.value.code, failed.value.status) == ("unreachable", None)


def serve_raw(reply: Callable[[socket.socket], None]) -> tuple[str, socket.socket]:
    """A server that accepts one connection and calls `reply` with it."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            reply(connection)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}", server


def test_a_connection_closed_without_a_response_is_unreachable() -> None:
    address, server = serve_raw(lambda connection: None)
    with server, pytest.raises(GatewayError) as failed:
        GatewayClient(address, "key").predict(MODEL, b"an image")
    assert failed.value.code == "unreachable"


def test_a_response_that_trickles_times_out() -> None:
    stop = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while not stop.wait(0.05):
                connection.sendall(b" ")
        except OSError:
            pass  # the client has disconnected

    address, server = serve_raw(trickle)
    with server, pytest.raises(GatewayError) as failed:
        GatewayClient(address, "key", timeout=0.4).predict(MODEL, b"an image")
    stop.set()
    assert failed.value.code == "too_slow"


def test_cookies_are_not_kept(gateway: StubGateway, client: GatewayClient) -> None:
    gateway.models[MODEL].broken = (200, {"Set-Cookie": "visitor=1; Path=/"}, b"[]")
    client.predict(MODEL, b"one")
    client.predict(MODEL, b"two")
    assert "Cookie" not in gateway.requests[-1][2]


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        pytest.param("decode;dur=1.5, infer;dur=2", {"decode": 1.5, "infer": 2.0}, id="as the services send it"),
        pytest.param('decode;desc="a, b";dur="3"', {}, id="a quoted comma"),
        pytest.param("cache, infer;dur=x, queue;dur=-1, fetch;dur=inf", {}, id="invalid numbers"),
        pytest.param("INFER;Dur=4", {"INFER": 4.0}, id="capitals"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_server_timing_is_parsed(header: str, parts: dict[str, float]) -> None:
    assert server_timing(header) == parts
