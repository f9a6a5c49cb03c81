"""API keys, JWTs, both at once, and quotas."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.jwt_issuer import JwtIssuer
from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration

NAME = "POST /v1/roses/name"
UNREGISTERED = (
    "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity)."
    " Please use API Key or other form of API consumer identity to call this API."
)
NOT_VALID = "INVALID_ARGUMENT: API key not valid. Please pass a valid API key."
NOT_ENABLED = "PERMISSION_DENIED: API flowers.example is not enabled for the project."


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        pytest.param(NAME, {"x-api-key": "good"}, id="header"),
        pytest.param(NAME, {"X-API-KEY": "good"}, id="header-in-capitals"),
        pytest.param(f"{NAME}?key=good", {}, id="query-key"),
        pytest.param(f"{NAME}?api_key=good", {}, id="query-api-key"),
        pytest.param(f"{NAME}?a=1&key=good", {}, id="later-in-the-query"),
        pytest.param(f"{NAME}?key=good", {"x-api-key": "bad"}, id="query-key-before-the-header"),
        pytest.param(f"{NAME}?api_key=bad&key=good", {}, id="query-key-before-api-key"),
        pytest.param(f"{NAME}?api_key=good", {"x-api-key": "bad"}, id="api-key-before-the-header"),
    ],
)
def test_a_key_is_accepted_in_three_locations_and_passed_on(
    shared: SharedGateway, line: str, headers: dict[str, str]
) -> None:
    response = shared.send(line, headers, b"{}")
    assert response.status == 200
    received = response.json
    assert received["path"] == line.removeprefix("POST ").replace("/v1/roses/name", "/name")
    assert received["headers"].get("x-api-key") == next(iter(headers.values()), None)
    assert received["headers"]["x-apigateway-api-consumer-number"] == "1111"
    assert received["headers"]["x-apigateway-api-consumer-type"] == "PROJECT"


@pytest.mark.parametrize(
    ("line", "headers", "status", "message"),
    [
        pytest.param(NAME, {}, 401, UNREGISTERED, id="missing"),
        pytest.param(NAME, {"x-api-key": ""}, 401, UNREGISTERED, id="empty-header"),
        pytest.param(f"{NAME}?key=", {}, 401, UNREGISTERED, id="empty-query"),
        pytest.param(NAME, {"x-api-key": "nope"}, 400, NOT_VALID, id="invalid"),
        pytest.param(NAME, {"x-api-key": "GOOD"}, 400, NOT_VALID, id="invalid-for-its-case"),
        pytest.param(f"{NAME}?key=nope", {"x-api-key": "good"}, 400, NOT_VALID, id="invalid-in-the-first-location"),
        pytest.param(NAME, {"x-api-key": "elsewhere"}, 403, NOT_ENABLED, id="not-enabled"),
        pytest.param(NAME, {"x-apigateway-api-consumer-number": "1111"}, 401, UNREGISTERED, id="forged-consumer"),
    ],
)
def test_without_a_valid_key_the_request_is_not_forwarded(
    shared: SharedGateway, line: str, headers: dict[str, str], status: int, message: str
) -> None:
    before = shared.forwarded
    response = shared.send(line, headers, b"{}")
    assert (response.status, response.message) == (status, message)
    assert "www-authenticate" not in response.headers
    assert shared.forwarded == before


def test_a_method_override_does_not_bypass_the_key(shared: SharedGateway) -> None:
    before = shared.forwarded
    response = shared.send("GET /v1/roses/name", {"x-http-method-override": "POST"})
    assert (response.status, response.message) == (401, UNREGISTERED)
    assert shared.forwarded == before


Bearer = Callable[[SharedGateway], tuple[str, dict[str, str]]]


def in_header(name: str, prefix: str = "", **claims: Any) -> Bearer:
    return lambda shared: ("", {name: prefix + shared.gardeners.token(**claims)})


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(in_header("authorization", "Bearer "), id="authorization"),
        pytest.param(in_header("x-goog-iap-jwt-assertion"), id="iap"),
        pytest.param(lambda shared: (f"?access_token={shared.gardeners.token()}", {}), id="query"),
        pytest.param(in_header("authorization", "Bearer ", aud="greenhouse"), id="second-audience"),
        pytest.param(in_header("authorization", "Bearer ", aud=["x", "garden"]), id="one-of-the-tokens-audiences"),
    ],
)
def test_a_valid_token_is_accepted_and_its_payload_is_passed_on(shared: SharedGateway, bearer: Bearer) -> None:
    query, headers = bearer(shared)
    response = shared.send(f"GET /gardeners{query}", {**headers, "x-apigateway-api-userinfo": "forged"})
    assert response.status == 200, response.body
    token = (query or next(iter(headers.values()))).rpartition(" ")[2].rpartition("=")[2]
    userinfo = response.json["headers"]["x-apigateway-api-userinfo"]
    assert userinfo == token.split(".")[1]
    assert not userinfo.endswith("=")
    payload = json.loads(base64.urlsafe_b64decode(userinfo + "=" * (-len(userinfo) % 4)))
    assert payload["iss"] == "https://gardeners.test"


@pytest.mark.parametrize(
    ("claims", "status", "message", "sent"),
    [
        pytest.param(None, 401, "Jwt is missing", False, id="missing"),
        pytest.param({"exp": int(time.time()) - 3600}, 401, "Jwt is expired", True, id="expired"),
        pytest.param({"exp": None}, 401, "Jwt verification fails", True, id="without-an-expiry"),
        pytest.param({"iss": "https://evil.test"}, 401, "Jwt issuer is not configured", True, id="issuer"),
        pytest.param({"aud": "nobody"}, 403, "Audiences in Jwt are not allowed", False, id="audience"),
        pytest.param({"aud": None}, 403, "Audiences in Jwt are not allowed", False, id="no-audience"),
    ],
)
def test_an_invalid_token_is_rejected(
    shared: SharedGateway, claims: dict[str, Any] | None, status: int, message: str, sent: bool
) -> None:
    before = shared.forwarded
    headers = {} if claims is None else {"authorization": f"Bearer {shared.gardeners.token(**claims)}"}
    response = shared.send("GET /gardeners", headers)
    assert (response.status, response.message) == (status, message)
    if status == 401:
        realm = f'Bearer realm="http://127.0.0.1:{shared.gateway.port}/gardeners"'
        assert response.headers["www-authenticate"] == realm + (', error="invalid_token"' if sent else "")
    assert shared.forwarded == before


def test_a_token_signed_with_another_key_is_rejected(shared: SharedGateway) -> None:
    forger = JwtIssuer("https://gardeners.test", "garden", "RS256")
    response = shared.send("GET /gardeners", {"authorization": f"Bearer {forger.token()}"})
    assert (response.status, response.message) == (401, "Jwt verification fails")


@pytest.mark.parametrize("garbage", ["abc", "a.b.c", "Bearer"])
def test_a_malformed_token_gets_401(shared: SharedGateway, garbage: str) -> None:
    assert shared.send("GET /gardeners", {"authorization": f"Bearer {garbage}"}).status == 401


def test_a_token_is_read_only_from_the_locations_of_its_issuer(shared: SharedGateway) -> None:
    token = shared.florists.token()
    assert shared.send("GET /florists", {"x-florist": f"Token {token}"}).status == 200
    assert shared.send(f"GET /florists?florist={token}").status == 200
    assert shared.send("GET /florists", {"authorization": f"Bearer {token}"}).message == "Jwt is missing"


def test_a_token_of_one_of_two_alternative_issuers_is_enough(shared: SharedGateway) -> None:
    assert shared.send("GET /either", {"authorization": f"Bearer {shared.gardeners.token()}"}).status == 200
    assert shared.send("GET /either", {"x-florist": f"Token {shared.florists.token()}"}).status == 200
    assert shared.send("GET /either").status == 401


def test_if_both_are_required_the_token_is_checked_before_the_key(shared: SharedGateway) -> None:
    token = {"authorization": f"Bearer {shared.gardeners.token()}"}
    assert shared.send("GET /both").message == "Jwt is missing"
    assert shared.send("GET /both", {"x-api-key": "good"}).message == "Jwt is missing"
    assert shared.send("GET /both", token).message == UNREGISTERED
    assert shared.send("GET /both", {**token, "x-api-key": "nope"}).message == NOT_VALID
    response = shared.send("GET /both", {**token, "x-api-key": "good"})
    assert response.status == 200
    assert response.json["headers"]["x-apigateway-api-consumer-number"] == "1111"


def test_a_quota_counts_per_consumer_over_all_operations(shared: SharedGateway) -> None:
    """Two per minute: the third request gets 429 on any operation; other consumers and metrics are not affected."""
    good, second = {"x-api-key": "good"}, {"x-api-key": "second"}
    assert [shared.send("GET /pick", good).status, shared.send("GET /pick/again", good).status] == [200, 200]
    for line in ("GET /pick", "GET /pick/again"):
        response = shared.send(line, good)
        assert response.status == 429
        assert response.message.startswith("RESOURCE_EXHAUSTED: ")
    assert shared.send("GET /pick", second).status == 200
    assert shared.send("GET /inherited").status == 200
    # A bouquet costs 3 of 5.
    assert [shared.send("GET /bouquet", good).status for _ in range(2)] == [200, 429]


def test_a_rejected_request_does_not_count_towards_a_quota(shared: SharedGateway) -> None:
    for _ in range(4):
        assert shared.send("GET /pick", {"x-api-key": "nope"}).status == 400
