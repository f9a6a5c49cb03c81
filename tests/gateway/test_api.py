"""Documents as typed values."""

import pytest

from gateway.api import Backend, JwtLocation, Limit, PathTranslation, read_api
from gateway.origin import Origin, origin
from tests.gateway.documents import API_KEY, backend, document, operation, with_issuer, with_quota


def test_an_operation_has_the_nearest_backend_without_merging() -> None:
    nested = document(
        {
            "/own": {"get": operation("http://own.test:8080/o/", "CONSTANT_ADDRESS", deadline=2.5)},
            "/path": {"get": {}, "x-google-backend": {"address": "https://path.test/p"}},
            "/document": {"get": {}},
        },
        basePath="/v1",
        **{"x-google-backend": {"address": "https://document.test/d/", "deadline": -1, "jwt_audience": "me"}},
    )
    found = {made.template.text: made.backend for made in read_api(nested).operations}
    constant, append = PathTranslation.CONSTANT, PathTranslation.APPEND
    assert found == {
        "/v1/own": Backend(Origin("http", "own.test", 8080), "/o", constant, 2500, None, False),
        "/v1/path": Backend(Origin("https", "path.test", 443), "/p", constant, 15000, "https://path.test/p", False),
        "/v1/document": Backend(Origin("https", "document.test", 443), "/d", append, 15000, "me", False),
    }


@pytest.mark.parametrize(
    ("deadline", "milliseconds"),
    [(0.0004, 1), (0.0014, 1), (1.2345, 1234), (0, 15000), (-3, 15000), (600, 600_000)],
)
def test_a_deadline_is_rounded_to_milliseconds(deadline: float, milliseconds: int) -> None:
    [made] = read_api(document({"/x": {"get": operation("http://x.test", deadline=deadline)}})).operations
    assert made.backend.deadline_ms == milliseconds


def test_security_is_the_documents_unless_the_operation_has_its_own() -> None:
    nested = document(
        {"/a": {"get": {}}, "/b": {"get": {"security": []}}},
        security=[{"api_key": []}],
        securityDefinitions=API_KEY,
        **{"x-google-backend": backend("http://x.test")},
    )
    assert {made.template.text: made.needs_key for made in read_api(nested).operations} == {"/a": True, "/b": False}


def test_an_issuer_has_its_audiences_and_token_locations() -> None:
    scheme = {
        "x-google-issuer": "https://i.test",
        "x-google-audiences": "a, b",
        "x-google-jwt-locations": [{"header": "x-token", "value_prefix": "T "}, {"query": "t"}],
    }
    [issuer] = read_api(with_issuer("https://x.test", **scheme)).issuers
    assert issuer.audiences == ("a", "b")
    assert issuer.locations == (JwtLocation("x-token", "T "), JwtLocation("t", in_query=True))


def test_no_limit_and_no_cost_limit_nothing() -> None:
    api = read_api(with_quota({"m": 1}, values={"STANDARD": -1}))
    assert (api.limits, api.operations[0].costs) == ((), (("m", 1),))
    api = read_api(with_quota({"m": "0"}, values={"STANDARD": "5"}))
    assert (api.limits, api.operations[0].costs) == ((Limit("m", 5),), ())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://x.test/path", Origin("http", "x.test", 80)),
        ("https://x.test:8443", Origin("https", "x.test", 8443)),
        ("http://[::1]:9001", Origin("http", "::1", 9001)),
    ],
)
def test_an_origin_has_a_port_and_reads_its_own_text(url: str, expected: Origin) -> None:
    assert origin(url) == origin(str(expected)) == expected
