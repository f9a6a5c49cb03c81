"""An OpenAPI 3 document: the same paths, rewriting, authentication, quotas and errors as with OpenAPI 2.0."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.gateway.echo_backend import Echo
from tests.gateway.running_gateway import SharedGateway, shared_gateway

pytestmark = pytest.mark.integration

OPENAPI_3 = Path(__file__).parents[1] / "openapi_3.yaml"
GOOD = {"x-api-key": "good"}
BODY_LIMIT = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory, rose: Echo, tulip: Echo) -> Iterator[SharedGateway]:
    document = yaml.safe_load(OPENAPI_3.read_text())
    with shared_gateway(tmp_path_factory.mktemp("openapi_3"), document, rose, tulip) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("line", "headers", "backend", "path"),
    [
        pytest.param("POST /v1/roses/name", GOOD, "rose", "/name", id="constant"),
        pytest.param("POST /v1/roses/name?a=1&b=%3B", GOOD, "rose", "/name?a=1&b=%3B", id="constant-keeps-the-query"),
        pytest.param("POST /v1/roses/name/", GOOD, "rose", "/name", id="constant-tolerates-a-slash"),
        pytest.param("POST /v1/roses/name?key=good", {}, "rose", "/name?key=good", id="key-in-the-query"),
        pytest.param("GET /v1/root", {}, "rose", "/", id="constant-without-a-path"),
        pytest.param("GET /v1/roses/12/row/98", {}, "rose", "/rose?bed=12&row=98", id="path-parameters"),
        pytest.param("GET /v1/roses/12/row/98/", {}, "rose", "/rose?bed=12&row=98", id="path-parameters-and-a-slash"),
        pytest.param(
            "GET /v1/roses/3/row/5?lang=US&zone=w",
            {},
            "rose",
            "/rose?lang=US&zone=w&bed=3&row=5",
            id="path-parameters-after-the-query",
        ),
        pytest.param("POST /v1/tulips/red?z=%20", GOOD, "tulip", "/base/v1/tulips/red?z=%20", id="append"),
        pytest.param("PUT /v1/tulips/red/", {}, "tulip", "/base/v1/tulips/red/", id="append-keeps-a-slash"),
        pytest.param("GET /v1/inherited", {}, "tulip", "/garden/v1/inherited", id="backend-of-the-document"),
        pytest.param("GET /v1/files/a/b/c", {}, "tulip", "/v1/files/a/b/c", id="wildcard"),
        pytest.param("GET /v1/files/", {}, "tulip", "/v1/files/", id="wildcard-of-nothing"),
        pytest.param("PUT /v1/x/../tulips/red", {}, "tulip", "/base/v1/tulips/red", id="dots-are-resolved"),
        pytest.param("PUT /v1/tulips/%4a", {}, "tulip", "/base/v1/tulips/J", id="unreserved-is-decoded"),
        pytest.param("GET /v1/open?p=%4A/../t", {}, "rose", "/v1/open?p=%4A/../t", id="query-is-not-normalised"),
        pytest.param("OPTIONS /v1/browsers", {}, "rose", "/v1/browsers", id="declared-options"),
    ],
)
def test_a_request_reaches_its_backend(
    flowers: SharedGateway, line: str, headers: dict[str, str], backend: str, path: str
) -> None:
    response = flowers.send(line, headers)
    assert response.status == 200
    assert (response.json["backend"], response.json["path"]) == (backend, path)


@pytest.mark.parametrize(
    ("line", "headers", "status", "message"),
    [
        pytest.param("GET /nope", {}, 404, "The current request is not defined by this API.", id="unknown-path"),
        pytest.param(
            "GET /open", {}, 404, "The current request is not defined by this API.", id="without-the-base-path"
        ),
        pytest.param("GET /v2/open", {}, 404, "The current request is not defined by this API.", id="ignored-server"),
        pytest.param(
            "GET /v1/roses/name",
            {},
            405,
            'The current request is matched to the defined url template "/v1/roses/name" but its http method is not'
            " allowed",
            id="wrong-method",
        ),
        pytest.param("POST /v1/roses/name", {}, 401, "UNAUTHENTICATED: Method doesn't allow unreg", id="key-missing"),
        pytest.param("POST /v1/roses/name", {"x-api-key": "no"}, 400, "INVALID_ARGUMENT: API key", id="key-invalid"),
        pytest.param(
            "POST /v1/roses/name",
            {"x-api-key": "elsewhere"},
            403,
            "PERMISSION_DENIED: API flowers.example is not enabled for the project.",
            id="key-of-another-project",
        ),
        pytest.param("GET /v1/gardeners", {}, 401, "Jwt is missing", id="token-missing"),
        pytest.param("GET /v1/both", GOOD, 401, "Jwt is missing", id="token-before-the-key"),
        pytest.param("GET /v1/open?sleep=2", {}, 504, "upstream request timeout", id="deadline"),
        pytest.param("GET /v1/closed", {}, 503, "upstream connect error or disconnect/reset before", id="closed"),
        pytest.param("GET /v1/open%00", {}, 400, "", id="nul"),
        pytest.param("GET /v1/open", {"x_a": "1"}, 400, "Bad Request", id="underscore-in-a-header"),
        pytest.param("OPTIONS /v1/roses/name", {}, 405, "The current request is matched", id="undeclared-options"),
    ],
)
def test_an_error_is_googles(
    flowers: SharedGateway, line: str, headers: dict[str, str], status: int, message: str
) -> None:
    response = flowers.send(line, headers)
    assert response.status == status
    assert response.message.startswith(message)


def test_a_token_is_verified_moved_and_described_to_the_backend(flowers: SharedGateway) -> None:
    token = flowers.gardeners.token(aud="greenhouse")
    received = flowers.send(
        "GET /v1/gardeners", {"authorization": f"Bearer {token}", "x-apigateway-api-userinfo": "forged"}
    ).json["headers"]
    assert received["x-forwarded-authorization"] == f"Bearer {token}"
    assert received["authorization"].startswith("Bearer ")
    payload = received["x-apigateway-api-userinfo"]
    assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["aud"] == "greenhouse"


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        pytest.param({"exp": 1}, 401, "Jwt is expired", id="expired"),
        pytest.param({"aud": "shop"}, 403, "Audiences in Jwt are not allowed", id="audience"),
        pytest.param({"iss": "https://other.test"}, 401, "Jwt issuer is not configured", id="issuer"),
    ],
)
def test_an_invalid_token_is_rejected(
    flowers: SharedGateway, claims: dict[str, object], status: int, message: str
) -> None:
    response = flowers.send("GET /v1/gardeners", {"authorization": f"Bearer {flowers.gardeners.token(**claims)}"})
    assert (response.status, response.message) == (status, message)


def test_a_token_of_a_key_that_is_not_the_issuers_is_rejected(flowers: SharedGateway) -> None:
    forged = with_another_signature(flowers.gardeners.token())
    response = flowers.send("GET /v1/gardeners", {"authorization": f"Bearer {forged}"})
    assert (response.status, response.message) == (401, "Jwt verification fails")


def with_another_signature(token: str) -> str:
    """The token with another signature."""
    return token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")


def test_a_token_is_read_from_the_locations_of_its_definition(flowers: SharedGateway) -> None:
    token = flowers.florists.token()
    assert flowers.send("GET /v1/florists", {"x-florist": f"Token {token}"}).status == 200
    assert flowers.send(f"GET /v1/florists?florist={token}").status == 200
    assert flowers.send("GET /v1/florists", {"authorization": f"Bearer {token}"}).status == 401


def test_alternatives_and_combinations_of_security_are_honoured(flowers: SharedGateway) -> None:
    gardener = {"authorization": f"Bearer {flowers.gardeners.token()}"}
    assert flowers.send("GET /v1/either", gardener).status == 200
    assert flowers.send("GET /v1/either", {"x-florist": f"Token {flowers.florists.token()}"}).status == 200
    assert flowers.send("GET /v1/both", gardener).status == 401
    assert flowers.send("GET /v1/both", gardener | GOOD).status == 200


def test_a_quota_is_enforced_for_each_consumer(flowers: SharedGateway) -> None:
    statuses = [flowers.send("GET /v1/pick", GOOD).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert flowers.send("GET /v1/pick", GOOD).message.startswith("RESOURCE_EXHAUSTED: ")
    assert flowers.send("GET /v1/pick", {"x-api-key": "second"}).status == 200


def test_a_body_of_32_mib_passes_and_a_longer_one_does_not(flowers: SharedGateway) -> None:
    assert flowers.send("POST /v1/roses/name", GOOD, b"a" * BODY_LIMIT).json["body_bytes"] == BODY_LIMIT
    assert flowers.send("POST /v1/roses/name", GOOD, b"a" * (BODY_LIMIT + 1)).status == 413


def test_allow_cors_passes_options_requests_on(tmp_path: Path, rose: Echo, tulip: Echo) -> None:
    document = yaml.safe_load(OPENAPI_3.read_text())
    document["servers"][0]["x-google-endpoint"] = {"allowCors": True}
    with shared_gateway(tmp_path, document, rose, tulip) as gateway:
        response = gateway.send("OPTIONS /v1/roses/name", {"origin": "https://a.test"})
        assert (response.status, response.json["method"]) == (200, "OPTIONS")
