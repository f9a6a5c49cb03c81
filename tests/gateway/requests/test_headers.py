"""The headers that a backend receives."""

import json
import time
from urllib.request import urlopen

import jwt
import pytest

from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration


def test_the_host_is_the_backends_own(shared: SharedGateway) -> None:
    assert shared.send("GET /open", {"host": "mine.test"}).json["headers"]["host"] == "rose.test"


@pytest.mark.parametrize(
    ("line", "original"),
    [
        pytest.param("POST /v1/roses/name?key=good", "/v1/roses/name?key=good", id="constant"),
        pytest.param("GET /v1/roses/1/row/2?a=b", "/v1/roses/1/row/2?a=b", id="parameters"),
        pytest.param("PUT /v1/tulips//%4A?a=b", "/v1/tulips/J?a=b", id="append-normalised"),
        pytest.param("GET /open?a=b", None, id="not-rewritten"),
    ],
)
def test_the_backend_gets_the_original_of_a_rewritten_path(
    shared: SharedGateway, line: str, original: str | None
) -> None:
    received = shared.send(line, {"x-envoy-original-path": "/forged"}).json["headers"]
    assert received.get("x-envoy-original-path") == original


@pytest.mark.parametrize(
    "name",
    [
        "x-apigateway-api-consumer-number",
        "x-apigateway-api-consumer-type",
        "x-apigateway-api-userinfo",
        "x-forwarded-authorization",
        "x-envoy-original-path",
        "x-gateway-method",
    ],
)
def test_headers_of_the_gateway_cannot_be_forged(shared: SharedGateway, name: str) -> None:
    received = shared.send("GET /open", [(name, "forged"), (name.title(), "again")]).json["headers"]
    assert name not in received


def test_envoy_headers_of_a_client_do_not_change_deadlines_or_retries(shared: SharedGateway) -> None:
    headers = {"x-envoy-upstream-rq-timeout-ms": "100", "x-envoy-max-retries": "9", "x-envoy-retry-on": "5xx"}
    response = shared.send("GET /open?sleep=0.4&status=503", headers)
    assert response.status == 503
    assert not [name for name in response.json["headers"] if name.startswith("x-envoy-")]


@pytest.mark.parametrize("id_token", [False, True], ids=["unchanged", "moved-to-x-forwarded-authorization"])
def test_the_clients_authorization_is_passed_on(shared: SharedGateway, id_token: bool) -> None:
    mine = f"Bearer {shared.gardeners.token()}"
    received = shared.send("GET /gardeners" if id_token else "GET /open", {"authorization": mine}).json["headers"]
    if id_token:
        assert received["x-forwarded-authorization"] == mine
        assert received["authorization"].startswith("Bearer ")
        assert received["authorization"] != mine
    else:
        assert received["authorization"] == mine
        assert "x-forwarded-authorization" not in received


@pytest.mark.parametrize(
    ("line", "audience"),
    [
        pytest.param("GET /gardeners", "https://tulip.example", id="jwt-audience"),
        pytest.param("GET /audience", "http://tulip.test/where/it/is", id="default-is-the-whole-address"),
    ],
)
def test_a_backend_can_verify_its_id_token(shared: SharedGateway, line: str, audience: str) -> None:
    token = shared.send(line, {"authorization": f"Bearer {shared.gardeners.token()}"}).json["headers"]["authorization"]
    with urlopen(f"http://127.0.0.1:{shared.admin_port}/id-tokens/jwks.json", timeout=5) as response:
        keys = jwt.PyJWKSet.from_dict(json.load(response))
    scheme, _, encoded = token.partition(" ")
    assert scheme == "Bearer"
    header = jwt.get_unverified_header(encoded)
    assert header["alg"] == "RS256"
    claims = jwt.decode(encoded, keys[header["kid"]], algorithms=["RS256"], audience=audience)
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["iat"] <= time.time() <= claims["exp"] == claims["iat"] + 3600


def test_disable_auth_sends_no_token(shared: SharedGateway) -> None:
    assert "authorization" not in shared.send("GET /open").json["headers"]


@pytest.mark.parametrize(
    ("line", "override", "status", "arrives"),
    [
        pytest.param("POST /open", "GET", 200, "GET", id="applied"),
        pytest.param("GET /open", "POST", 200, "POST", id="applied-the-other-way"),
        pytest.param("POST /open", "DELETE", 405, None, id="405-for-the-overriding-method"),
        pytest.param("DELETE /open", "GET", 200, "GET", id="the-original-method-is-not-checked"),
    ],
)
def test_a_method_override_is_applied_and_removed(
    shared: SharedGateway, line: str, override: str, status: int, arrives: str | None
) -> None:
    response = shared.send(line, {"X-HTTP-Method-Override": override}, b"" if line.startswith("POST") else None)
    assert response.status == status
    if arrives:
        assert response.json["method"] == arrives
        assert "x-http-method-override" not in response.json["headers"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-cloud-trace-context": "0123456789abcdef0123456789abcdef/1;o=1"}, id="cloud-trace"),
        pytest.param({"traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}, id="w3c-trace"),
        pytest.param({"x-request-id": "mine"}, id="request-id"),
        pytest.param({"cookie": "a=b; c=d"}, id="cookie"),
        pytest.param({"x-forwarded-for": "203.0.113.9"}, id="forwarded-for"),
    ],
)
def test_other_headers_are_passed_on_unchanged(shared: SharedGateway, headers: dict[str, str]) -> None:
    received = shared.send("GET /open", headers).json["headers"]
    assert headers.items() <= received.items()


@pytest.mark.parametrize(
    ("size", "status"), [pytest.param(58 * 1024, 200, id="58-kib"), pytest.param(61 * 1024, 431, id="61-kib")]
)
def test_request_headers_are_limited_to_60_kib(shared: SharedGateway, size: int, status: int) -> None:
    response = shared.send("GET /open", {"x-long": "a" * size})
    assert response.status == status
    if status != 200:
        assert response.message


def test_of_two_method_overrides_the_first_counts(shared: SharedGateway) -> None:
    response = shared.send("DELETE /open", [("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method-Override", "POST")])
    assert (response.status, response.json["method"]) == (200, "GET")
