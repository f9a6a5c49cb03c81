"""Which headers arrive at a backend, and which come back."""

import json
import time
from urllib.request import urlopen

import jwt
import pytest

from tests.gateway.conftest import Lab


def test_the_host_is_the_backends_own(lab: Lab) -> None:
    assert lab.ask("GET /open", {"host": "mine.test"}).json["headers"]["host"] == "rose.test"


@pytest.mark.parametrize(
    ("line", "original"),
    [
        pytest.param("POST /v1/roses/name?key=good", "/v1/roses/name?key=good", id="constant"),
        pytest.param("GET /v1/roses/1/row/2?a=b", "/v1/roses/1/row/2?a=b", id="parameters"),
        pytest.param("PUT /v1/tulips//%4A?a=b", "/v1/tulips/J?a=b", id="append-normalised"),
        pytest.param("GET /open?a=b", None, id="not-rewritten"),
    ],
)
def test_a_rewritten_path_arrives_as_the_original_too(lab: Lab, line: str, original: str | None) -> None:
    arrived = lab.ask(line, {"x-envoy-original-path": "/forged"}).json["headers"]
    assert arrived.get("x-envoy-original-path") == original


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
def test_what_only_the_gateway_may_say_cannot_be_forged(lab: Lab, name: str) -> None:
    arrived = lab.ask("GET /open", [(name, "forged"), (name.title(), "again")]).json["headers"]
    assert name not in arrived


def test_envoys_own_headers_change_neither_deadlines_nor_retries(lab: Lab) -> None:
    hopes = {"x-envoy-upstream-rq-timeout-ms": "100", "x-envoy-max-retries": "9", "x-envoy-retry-on": "5xx"}
    answer = lab.ask("GET /open?sleep=0.4&status=503", hopes)
    assert answer.status == 503
    assert not [name for name in answer.json["headers"] if name.startswith("x-envoy-")]


@pytest.mark.parametrize("id_token", [False, True], ids=["as-it-is", "moved-aside"])
def test_the_callers_authorization_arrives(lab: Lab, id_token: bool) -> None:
    mine = f"Bearer {lab.gardeners.token()}"
    arrived = lab.ask("GET /gardeners" if id_token else "GET /open", {"authorization": mine}).json["headers"]
    if id_token:
        assert arrived["x-forwarded-authorization"] == mine
        assert arrived["authorization"].startswith("Bearer ")
        assert arrived["authorization"] != mine
    else:
        assert arrived["authorization"] == mine
        assert "x-forwarded-authorization" not in arrived


@pytest.mark.parametrize(
    ("line", "audience"),
    [
        pytest.param("GET /gardeners", "https://tulip.example", id="written-out"),
        pytest.param("GET /audience", "http://tulip.test/where/it/is", id="by-default-the-whole-address"),
    ],
)
def test_a_backend_can_verify_the_id_token_it_is_sent(lab: Lab, line: str, audience: str) -> None:
    token = lab.ask(line, {"authorization": f"Bearer {lab.gardeners.token()}"}).json["headers"]["authorization"]
    with urlopen(f"http://127.0.0.1:{lab.admin_port}/id-tokens/jwks.json", timeout=5) as answer:
        keys = jwt.PyJWKSet.from_dict(json.load(answer))
    scheme, _, encoded = token.partition(" ")
    assert scheme == "Bearer"
    header = jwt.get_unverified_header(encoded)
    assert header["alg"] == "RS256"
    claims = jwt.decode(encoded, keys[header["kid"]], algorithms=["RS256"], audience=audience)
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["iat"] <= time.time() <= claims["exp"] == claims["iat"] + 3600


def test_disable_auth_sends_no_token(lab: Lab) -> None:
    assert "authorization" not in lab.ask("GET /open").json["headers"]


@pytest.mark.parametrize(
    ("line", "override", "status", "arrives"),
    [
        pytest.param("POST /open", "GET", 200, "GET", id="applied"),
        pytest.param("GET /open", "POST", 200, "POST", id="applied-the-other-way"),
        pytest.param("POST /open", "DELETE", 405, None, id="405-for-the-method-it-names"),
        pytest.param("DELETE /open", "GET", 200, "GET", id="allows-what-the-method-would-not"),
    ],
)
def test_a_method_override_is_applied_and_removed(
    lab: Lab, line: str, override: str, status: int, arrives: str | None
) -> None:
    answer = lab.ask(line, {"X-HTTP-Method-Override": override}, b"" if line.startswith("POST") else None)
    assert answer.status == status
    if arrives:
        assert answer.json["method"] == arrives
        assert "x-http-method-override" not in answer.json["headers"]


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
def test_other_headers_arrive_as_they_are(lab: Lab, headers: dict[str, str]) -> None:
    arrived = lab.ask("GET /open", headers).json["headers"]
    assert headers.items() <= arrived.items()


@pytest.mark.parametrize(
    ("size", "status"), [pytest.param(58 * 1024, 200, id="58-kib"), pytest.param(61 * 1024, 431, id="61-kib")]
)
def test_request_headers_may_have_60_kib(lab: Lab, size: int, status: int) -> None:
    answer = lab.ask("GET /open", {"x-long": "a" * size})
    assert answer.status == status
    if status != 200:
        assert answer.message


def test_of_two_method_overrides_the_one_that_chose_the_route_counts(lab: Lab) -> None:
    answer = lab.ask("DELETE /open", [("X-HTTP-Method-Override", "GET"), ("X-HTTP-Method-Override", "POST")])
    assert (answer.status, answer.json["method"]) == (200, "GET")
