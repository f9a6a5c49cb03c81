"""Which backend gets a request, with which path and query."""

import pytest

from tests.gateway.running_gateway import SharedGateway

pytestmark = pytest.mark.integration

GOOD = {"x-api-key": "good"}


@pytest.mark.parametrize(
    ("line", "backend", "arrives"),
    [
        # CONSTANT_ADDRESS: the path of the address, then the client's query, then the path parameters.
        pytest.param("POST /v1/roses/name", "rose", "/name", id="constant"),
        pytest.param("POST /v1/roses/name?a=1&b=%3B", "rose", "/name?a=1&b=%3B", id="constant-keeps-the-query"),
        pytest.param("POST /v1/roses/name?", "rose", "/name?", id="constant-keeps-an-empty-query"),
        pytest.param("POST /v1/roses/name/", "rose", "/name", id="constant-tolerates-a-slash"),
        pytest.param("GET /v1/root", "rose", "/", id="constant-without-a-path"),
        pytest.param("GET /v1/root?x=/y?z", "rose", "/?x=/y?z", id="constant-without-a-path-keeps-the-query"),
        pytest.param("GET /v1/slash", "rose", "/end", id="constant-loses-the-slash-of-the-address"),
        pytest.param("GET /v1/roses/7/row/12", "rose", "/rose?bed=7&row=12", id="parameters"),
        pytest.param("GET /v1/roses/7/row/12/", "rose", "/rose?bed=7&row=12", id="parameters-and-a-slash"),
        pytest.param("GET /v1/roses/7/row/12?z=1&a=2", "rose", "/rose?z=1&a=2&bed=7&row=12", id="parameters-come-last"),
        pytest.param("GET /v1/roses/a%2Fb/row/%20c", "rose", "/rose?bed=a%2Fb&row=%20c", id="parameters-stay-encoded"),
        pytest.param("GET /v1/roses/a&b/row/c=d", "rose", "/rose?bed=a&b&row=c=d", id="parameters-are-not-escaped"),
        pytest.param("POST /v1/roses/7:wilt", "rose", "/wilt?bed=7", id="parameter-before-a-verb"),
        pytest.param("GET /v1/paths/a/b/c", "rose", "/walk?path=a/b/c", id="wildcard"),
        pytest.param("GET /v1/paths/a/b/?q", "rose", "/walk?q&path=a/b", id="wildcard-loses-its-last-slash"),
        pytest.param("GET /v1/paths/", "rose", "/walk?path=", id="wildcard-may-be-empty"),
        # APPEND_PATH_TO_ADDRESS: the path of the address, then the request's path and query.
        pytest.param("POST /v1/tulips/foo?t=U%20C%3BT", "tulip", "/base/v1/tulips/foo?t=U%20C%3BT", id="append"),
        pytest.param("POST /v1/tulips/foo/", "tulip", "/base/v1/tulips/foo/", id="append-keeps-a-slash"),
        pytest.param("GET /open", "rose", "/open", id="append-to-nothing"),
        pytest.param("GET /open/?a", "rose", "/open/?a", id="append-to-nothing-keeps-a-slash"),
        pytest.param("GET /files/a/b/c", "tulip", "/files/a/b/c", id="append-wildcard"),
        pytest.param("GET /files/", "tulip", "/files/", id="append-empty-wildcard"),
        # An operation without a backend has that of its path, or else of the document.
        pytest.param("PUT /v1/tulips/9", "tulip", "/base/v1/tulips/9", id="backend-of-the-path"),
        pytest.param("GET /inherited?x", "tulip", "/garden/inherited?x", id="backend-of-the-document"),
        # The more literal template wins, segment by segment.
        pytest.param("GET /v1/tulips/red", "rose", "/v1/tulips/red", id="literal-before-variable"),
        pytest.param(
            "POST /v1/tulips/red", "tulip", "/base/v1/tulips/red", id="literal-of-another-method-does-not-hide"
        ),
        pytest.param("GET /files/index", "rose", "/files/index", id="literal-before-wildcard"),
        pytest.param("GET /files/indexes", "tulip", "/files/indexes", id="longer-than-the-literal"),
        pytest.param("GET /files/index/x", "tulip", "/files/index/x", id="below-the-literal"),
        pytest.param("OPTIONS /browsers", "rose", "/browsers", id="declared-options-is-proxied"),
    ],
)
def test_the_backend_gets_the_translated_path(shared: SharedGateway, line: str, backend: str, arrives: str) -> None:
    response = shared.send(line, GOOD, b"" if line.startswith(("POST", "PUT")) else None)
    assert response.status == 200
    assert (response.json["backend"], response.json["path"]) == (backend, arrives)
    assert response.json["method"] == line.partition(" ")[0]


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        pytest.param("//files//a", "/files/a", id="slashes-are-merged"),
        pytest.param("/files/./a", "/files/a", id="dot"),
        pytest.param("/x/../files/a", "/files/a", id="dot-dot"),
        pytest.param("/files/%2e%2E/files/a", "/files/a", id="encoded-dot-dot"),
        pytest.param("/%66iles/%4A%4a", "/files/JJ", id="unreserved-characters-are-decoded"),
        pytest.param("/files/a%2Fb", "/files/a%2Fb", id="encoded-slash-is-kept"),
        pytest.param("/files/a%2fb", "/files/a%2fb", id="encoded-slash-keeps-its-case"),
        pytest.param("/files/%3F%23%20", "/files/%3F%23%20", id="reserved-characters-stay-encoded"),
        pytest.param("/files/a?p=%4A/../t&q=//", "/files/a?p=%4A/../t&q=//", id="the-query-is-not-touched"),
        pytest.param("/files/a;b=1,c", "/files/a;b=1,c", id="segment-parameters-are-kept"),
        pytest.param("http://elsewhere.test/files/a", "/files/a", id="absolute-form"),
    ],
)
def test_paths_are_normalised_before_they_are_matched(shared: SharedGateway, target: str, arrives: str) -> None:
    response = shared.send(f"GET {target}")
    assert response.status == 200
    assert response.json["path"] == arrives


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/nope", id="unknown"),
        pytest.param("/", id="root"),
        pytest.param("/OPEN", id="case-matters"),
        pytest.param("/files", id="wildcard-needs-its-slash"),
        pytest.param("/openly", id="longer"),
        pytest.param("/open/sesame", id="below"),
        pytest.param("/../..", id="above-the-root"),
        pytest.param("/v1/roses/7/row/", id="empty-variable"),
        pytest.param("/v1/roses//row/7", id="merged-variable"),
        pytest.param("/v1/roses/7/row/8/9", id="too-many-segments"),
        pytest.param("/v1%2Froot", id="encoded-slash-is-not-a-slash"),
        pytest.param("/open;x=1", id="segment-parameter"),
        pytest.param("/open%0A", id="encoded-newline"),
    ],
)
def test_an_unknown_path_gets_404(shared: SharedGateway, target: str) -> None:
    before = shared.forwarded
    response = shared.send(f"GET {target}")
    assert (response.status, response.message) == (404, "The current request is not defined by this API.")
    assert shared.forwarded == before


@pytest.mark.parametrize(
    ("line", "template"),
    [
        pytest.param("GET /v1/roses/name", "/v1/roses/name", id="without-a-key"),
        pytest.param("GET /v1/roses/name/", "/v1/roses/name", id="with-a-slash"),
        pytest.param("HEAD /inherited", "/inherited", id="head"),
        pytest.param("DELETE /v1/tulips/4", "/v1/tulips/{id}", id="variable"),
        pytest.param("DELETE /v1/tulips/red", "/v1/tulips/red", id="the-most-literal-template-is-named"),
        pytest.param("POST /files/a/b", "/files/{path=**}", id="wildcard"),
        pytest.param("TRACE /open", "/open", id="a-method-that-openapi-lacks"),
        pytest.param("OPTIONS /v1/roses/name", "/v1/roses/name", id="undeclared-options"),
    ],
)
def test_a_method_that_is_not_defined_gets_405_with_or_without_a_key(
    shared: SharedGateway, line: str, template: str
) -> None:
    before = shared.forwarded
    response = shared.send(line, {"origin": "https://a.test", "access-control-request-method": "POST"})
    assert response.status == 405
    if not line.startswith("HEAD"):
        assert response.message == (
            f'The current request is matched to the defined url template "{template}"'
            " but its http method is not allowed"
        )
    assert "allow" not in response.headers
    assert "access-control-allow-origin" not in response.headers
    assert shared.forwarded == before


@pytest.mark.parametrize(
    ("line", "headers", "message"),
    [
        pytest.param("GET /open%00", {}, "", id="nul"),
        pytest.param("GET /open#here", {}, "", id="fragment"),
        pytest.param("GET /open?a#here", {}, "", id="fragment-after-the-query"),
        pytest.param("GET /open", {"x_a": "1"}, "Bad Request", id="underscore-in-a-header"),
    ],
)
def test_an_invalid_path_or_header_gets_400(
    shared: SharedGateway, line: str, headers: dict[str, str], message: str
) -> None:
    before = shared.forwarded
    response = shared.send(line, headers)
    assert (response.status, response.message) == (400, message)
    assert shared.forwarded == before
