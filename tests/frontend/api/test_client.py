"""The gateway's client, against real HTTP servers, well-behaved and otherwise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from frontend.api.client import GatewayClient, GatewayError, server_timing
from tests.frontend.stub_gateway import StubGateway, answer, problem, stub_gateway

MODEL = "efficientnet-lite0"


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    with stub_gateway() as running:
        yield running


@pytest.fixture
def client(gateway: StubGateway) -> GatewayClient:
    return GatewayClient(gateway.address, gateway.key)


def test_the_models_are_those_of_the_directory(client: GatewayClient, gateway: StubGateway) -> None:
    assert [(model["name"], model["title"]) for model in client.models()] == list(gateway.titles.items())


def test_an_answer_is_labels_scores_times_and_a_request_id(client: GatewayClient, gateway: StubGateway) -> None:
    gateway.models[MODEL].delay = 0.03
    answer = client.predict(MODEL, b"a picture", top_k=3)
    assert len(answer.predictions) == 3
    assert answer.predictions[0].score > answer.predictions[1].score > 0
    assert answer.version == "0123456789ab"
    assert answer.request_id == gateway.requests[-1][2]["X-Request-Id"]
    parts = answer.timings.parts
    assert set(parts) == {"decode", "queue", "infer"}
    assert parts["infer"] >= 30
    assert answer.timings.network == pytest.approx(answer.timings.total - sum(parts.values()))


def test_a_picture_s_address_is_sent_as_json(client: GatewayClient, gateway: StubGateway) -> None:
    client.predict(MODEL, "https://example.org/cat.jpg")
    assert gateway.bodies == [b'{"url": "https://example.org/cat.jpg"}']


def test_the_key_is_sent_and_a_wrong_one_is_said_to_be_wrong(gateway: StubGateway) -> None:
    with pytest.raises(GatewayError) as refused:
        GatewayClient(gateway.address, "wrong").models()
    assert (refused.value.status, refused.value.code) == (401, "http_401")


HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        pytest.param(
            answer(415, problem(415, "image_unsupported", "Not an image."), Content_Type="application/problem+json"),
            "image_unsupported",
            "Not an image.",
            id="a service's problem",
        ),
        pytest.param(
            answer(504, {"code": 504, "message": "upstream request timeout"}),
            "http_504",
            "upstream request timeout",
            id="the gateway's own error",
        ),
        pytest.param((502, {"Content-Type": "text/html"}, HTML), "http_502", "status 502", id="HTML with an error"),
        pytest.param(
            (200, {"Content-Type": "text/html"}, HTML), "not_understood", "language", id="HTML, said to be OK"
        ),
        pytest.param((200, {}, b""), "not_understood", "language", id="nothing"),
        pytest.param((200, {}, b"\xff\x00garbage"), "not_understood", "language", id="garbage"),
        pytest.param((200, {}, b"[" * 100_000), "not_understood", "language", id="brackets without end"),
        pytest.param(answer(200, {"label": "cat"}), "not_understood", "language", id="JSON of another shape"),
        pytest.param(answer(200, [{"label": "cat"}]), "not_understood", "language", id="no scores"),
        pytest.param(
            answer(200, [{"label": "x", "score": float("nan")}]), "not_understood", "language", id="no number"
        ),
        pytest.param((302, {"Location": "http://127.0.0.1:1/"}, b""), "redirected", "redirect", id="a redirect"),
        pytest.param((500, {}, b"null"), "http_500", "status 500", id="null"),
        pytest.param(answer(429, {"code": {}, "message": []}), "http_429", "status 429", id="an error of no shape"),
        pytest.param((200, {}, b"x" * 5_000_000), "not_understood", "language", id="more than anyone asked for"),
    ],
)
def test_whatever_answers_becomes_one_error_with_the_request_id(
    gateway: StubGateway, client: GatewayClient, reply: tuple[int, dict[str, str], bytes], code: str, says: str
) -> None:
    gateway.models[MODEL].broken = reply
    with pytest.raises(GatewayError) as failed:
        client.predict(MODEL, b"a picture")
    assert failed.value.code == code
    assert says in failed.value.detail
    assert "\n" not in failed.value.detail
    assert failed.value.request_id


def test_a_refusal_says_when_to_come_back(gateway: StubGateway, client: GatewayClient) -> None:
    gateway.models[MODEL].broken = answer(429, problem(429, "overloaded", "Busy."), Retry_After="3")
    with pytest.raises(GatewayError) as failed:
        client.predict(MODEL, b"a picture")
    assert (failed.value.status, failed.value.retry_after) == (429, 3.0)
    assert failed.value.request_id == "from-the-service"


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(GatewayError) as failed:
            GatewayClient(address, "key").models()
    assert (failed.value.code, failed.value.status) == ("unreachable", None)


def serve_raw(reply: Callable[[socket.socket], None]) -> tuple[str, socket.socket]:
    """A server of one connection that does what `reply` does."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            reply(connection)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}", server


def test_a_connection_closed_without_an_answer_is_unreachable() -> None:
    address, server = serve_raw(lambda connection: None)
    with server, pytest.raises(GatewayError) as failed:
        GatewayClient(address, "key").predict(MODEL, b"a picture")
    assert failed.value.code == "unreachable"


def test_an_answer_that_trickles_is_given_up() -> None:
    stop = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while not stop.wait(0.05):
                connection.sendall(b" ")
        except OSError:
            pass  # given up, as it should be

    address, server = serve_raw(trickle)
    with server, pytest.raises(GatewayError) as failed:
        GatewayClient(address, "key", patience=0.4).predict(MODEL, b"a picture")
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
        pytest.param("decode;dur=1.5, infer;dur=2", {"decode": 1.5, "infer": 2.0}, id="as the services write it"),
        pytest.param('decode;desc="a, b";dur="3"', {}, id="a comma in quotes is not worth a parser"),
        pytest.param("cache, infer;dur=x, queue;dur=-1, fetch;dur=inf", {}, id="no numbers"),
        pytest.param("INFER;Dur=4", {"INFER": 4.0}, id="in capitals"),
        pytest.param("", {}, id="none"),
    ],
)
def test_server_timing_is_read(header: str, parts: dict[str, float]) -> None:
    assert server_timing(header) == parts
