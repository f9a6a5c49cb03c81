"""Who may call: API keys, JWTs, both at once, and quotas."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.conftest import Lab
from tests.gateway.issuing import Issuer

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
def test_a_key_is_taken_from_three_places_and_passed_on(lab: Lab, line: str, headers: dict[str, str]) -> None:
    answer = lab.ask(line, headers, b"{}")
    assert answer.status == 200
    arrived = answer.json
    assert arrived["path"] == line.removeprefix("POST ").replace("/v1/roses/name", "/name")
    assert arrived["headers"].get("x-api-key") == next(iter(headers.values()), None)
    assert arrived["headers"]["x-apigateway-api-consumer-number"] == "1111"
    assert arrived["headers"]["x-apigateway-api-consumer-type"] == "PROJECT"


@pytest.mark.parametrize(
    ("line", "headers", "status", "message"),
    [
        pytest.param(NAME, {}, 401, UNREGISTERED, id="missing"),
        pytest.param(NAME, {"x-api-key": ""}, 401, UNREGISTERED, id="empty-header"),
        pytest.param(f"{NAME}?key=", {}, 401, UNREGISTERED, id="empty-query"),
        pytest.param(NAME, {"x-api-key": "nope"}, 400, NOT_VALID, id="invalid"),
        pytest.param(NAME, {"x-api-key": "GOOD"}, 400, NOT_VALID, id="invalid-for-its-case"),
        pytest.param(f"{NAME}?key=nope", {"x-api-key": "good"}, 400, NOT_VALID, id="invalid-in-the-first-place"),
        pytest.param(NAME, {"x-api-key": "elsewhere"}, 403, NOT_ENABLED, id="not-enabled"),
        pytest.param(NAME, {"x-apigateway-api-consumer-number": "1111"}, 401, UNREGISTERED, id="forged-consumer"),
    ],
)
def test_without_a_good_key_nothing_arrives(
    lab: Lab, line: str, headers: dict[str, str], status: int, message: str
) -> None:
    before = lab.arrived
    answer = lab.ask(line, headers, b"{}")
    assert (answer.status, answer.message) == (status, message)
    assert "www-authenticate" not in answer.headers
    assert lab.arrived == before


def test_a_method_override_does_not_lead_around_the_key(lab: Lab) -> None:
    before = lab.arrived
    answer = lab.ask("GET /v1/roses/name", {"x-http-method-override": "POST"})
    assert (answer.status, answer.message) == (401, UNREGISTERED)
    assert lab.arrived == before


Bearer = Callable[[Lab], tuple[str, dict[str, str]]]


def in_header(name: str, prefix: str = "", **claims: Any) -> Bearer:
    return lambda lab: ("", {name: prefix + lab.gardeners.token(**claims)})


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(in_header("authorization", "Bearer "), id="authorization"),
        pytest.param(in_header("x-goog-iap-jwt-assertion"), id="iap"),
        pytest.param(lambda lab: (f"?access_token={lab.gardeners.token()}", {}), id="query"),
        pytest.param(in_header("authorization", "Bearer ", aud="greenhouse"), id="second-audience"),
        pytest.param(in_header("authorization", "Bearer ", aud=["x", "garden"]), id="one-of-the-tokens-audiences"),
        pytest.param(in_header("authorization", "Bearer ", exp=None), id="without-an-expiry"),
    ],
)
def test_a_good_token_passes_and_its_payload_arrives(lab: Lab, bearer: Bearer) -> None:
    query, headers = bearer(lab)
    answer = lab.ask(f"GET /gardeners{query}", {**headers, "x-apigateway-api-userinfo": "forged"})
    assert answer.status == 200, answer.body
    token = (query or next(iter(headers.values()))).rpartition(" ")[2].rpartition("=")[2]
    userinfo = answer.json["headers"]["x-apigateway-api-userinfo"]
    assert userinfo == token.split(".")[1]
    assert not userinfo.endswith("=")
    payload = json.loads(base64.urlsafe_b64decode(userinfo + "=" * (-len(userinfo) % 4)))
    assert payload["iss"] == "https://gardeners.test"


@pytest.mark.parametrize(
    ("claims", "status", "message", "sent"),
    [
        pytest.param(None, 401, "Jwt is missing", False, id="missing"),
        pytest.param({"exp": int(time.time()) - 3600}, 401, "Jwt is expired", True, id="expired"),
        pytest.param({"iss": "https://evil.test"}, 401, "Jwt issuer is not configured", True, id="issuer"),
        pytest.param({"aud": "nobody"}, 403, "Audiences in Jwt are not allowed", False, id="audience"),
        pytest.param({"aud": None}, 403, "Audiences in Jwt are not allowed", False, id="no-audience"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    lab: Lab, claims: dict[str, Any] | None, status: int, message: str, sent: bool
) -> None:
    before = lab.arrived
    headers = {} if claims is None else {"authorization": f"Bearer {lab.gardeners.token(**claims)}"}
    answer = lab.ask("GET /gardeners", headers)
    assert (answer.status, answer.message) == (status, message)
    if status == 401:
        realm = f'Bearer realm="http://127.0.0.1:{lab.gateway.port}/gardeners"'
        assert answer.headers["www-authenticate"] == realm + (', error="invalid_token"' if sent else "")
    assert lab.arrived == before


def test_a_token_signed_with_another_key_is_refused(lab: Lab) -> None:
    forger = Issuer("https://gardeners.test", "garden", "RS256")
    answer = lab.ask("GET /gardeners", {"authorization": f"Bearer {forger.token()}"})
    assert (answer.status, answer.message) == (401, "Jwt verification fails")


@pytest.mark.parametrize("garbage", ["abc", "a.b.c", "Bearer"])
def test_what_is_no_token_is_401(lab: Lab, garbage: str) -> None:
    assert lab.ask("GET /gardeners", {"authorization": f"Bearer {garbage}"}).status == 401


def test_a_token_stands_only_where_its_issuer_says(lab: Lab) -> None:
    token = lab.florists.token()
    assert lab.ask("GET /florists", {"x-florist": f"Token {token}"}).status == 200
    assert lab.ask(f"GET /florists?florist={token}").status == 200
    assert lab.ask("GET /florists", {"authorization": f"Bearer {token}"}).message == "Jwt is missing"


def test_one_of_two_issuers_is_enough(lab: Lab) -> None:
    assert lab.ask("GET /either", {"authorization": f"Bearer {lab.gardeners.token()}"}).status == 200
    assert lab.ask("GET /either", {"x-florist": f"Token {lab.florists.token()}"}).status == 200
    assert lab.ask("GET /either").status == 401


def test_a_token_and_a_key_are_both_asked_for_the_token_first(lab: Lab) -> None:
    token = {"authorization": f"Bearer {lab.gardeners.token()}"}
    assert lab.ask("GET /both").message == "Jwt is missing"
    assert lab.ask("GET /both", {"x-api-key": "good"}).message == "Jwt is missing"
    assert lab.ask("GET /both", token).message == UNREGISTERED
    assert lab.ask("GET /both", {**token, "x-api-key": "nope"}).message == NOT_VALID
    answer = lab.ask("GET /both", {**token, "x-api-key": "good"})
    assert answer.status == 200
    assert answer.json["headers"]["x-apigateway-api-consumer-number"] == "1111"


def test_a_quota_is_one_bucket_for_each_consumer_over_all_operations(lab: Lab) -> None:
    """Two a minute: so the third is refused, wherever it goes; another consumer, and other metrics, are not touched."""
    good, second = {"x-api-key": "good"}, {"x-api-key": "second"}
    assert [lab.ask("GET /pick", good).status, lab.ask("GET /pick/again", good).status] == [200, 200]
    for line in ("GET /pick", "GET /pick/again"):
        answer = lab.ask(line, good)
        assert answer.status == 429
        assert answer.message.startswith("RESOURCE_EXHAUSTED: ")
    assert lab.ask("GET /pick", second).status == 200
    assert lab.ask("GET /inherited").status == 200
    # A bouquet costs three of five.
    assert [lab.ask("GET /bouquet", good).status for _ in range(2)] == [200, 429]


def test_a_refused_caller_does_not_use_up_a_quota(lab: Lab) -> None:
    for _ in range(4):
        assert lab.ask("GET /pick", {"x-api-key": "nope"}).status == 400
