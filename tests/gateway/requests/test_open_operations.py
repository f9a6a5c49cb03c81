"""Optional API keys, `x-google-allow: all` and `allowCors`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.documents import API_KEY, backend, document
from tests.gateway.echo_backend import Echo
from tests.gateway.http_client import Headers
from tests.gateway.running_gateway import RunningGateway, serving

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, rose: Echo) -> Iterator[RunningGateway]:
    found = document(
        {"/key": {"get": {}}, "/optional": {"get": {"security": [{}, {"api_key": []}]}}},
        host="x.test",
        security=[{"api_key": []}],
        securityDefinitions=API_KEY,
        **{
            "x-google-allow": "all",
            "x-google-backend": backend(rose.url),
            "x-google-endpoints": [{"name": "x.test", "allowCors": True}],
        },
    )
    with serving(tmp_path_factory.mktemp("open"), found) as running:
        yield running


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        pytest.param("GET /optional", {}, 200, id="no-optional-key"),
        pytest.param("GET /optional?key=good", {}, 200, id="optional-key"),
        pytest.param("GET /optional?key=", {}, 200, id="empty-optional-key"),
        pytest.param("GET /optional?key=wrong", {}, 400, id="wrong-optional-key-in-the-query"),
        pytest.param("GET /optional?api_key=wrong", {}, 400, id="wrong-optional-key-in-the-other-parameter"),
        pytest.param("GET /optional", {"x-api-key": "wrong"}, 400, id="wrong-optional-key-in-the-header"),
        pytest.param("GET /key", {}, 401, id="required-key"),
        pytest.param("OPTIONS /key", {}, 200, id="cors"),
        pytest.param("POST /key", {}, 200, id="method-that-is-not-declared"),
        pytest.param("DELETE /anything/else", {}, 200, id="path-that-is-not-declared"),
    ],
)
def test_status(gateway: RunningGateway, line: str, headers: Headers, status: int) -> None:
    assert gateway.send(line, headers).status == status


def test_an_optional_key_identifies_the_consumer(gateway: RunningGateway) -> None:
    received = gateway.send("GET /optional?key=good").json["headers"]
    assert received["x-apigateway-api-consumer-number"] == "1111"
    forged = gateway.send("GET /optional", {"x-apigateway-api-consumer-number": "1111"}).json["headers"]
    assert "x-apigateway-api-consumer-number" not in forged
