"""The JWKS URL of issuers: from the document, or from the issuer's OpenID configuration."""

from pathlib import Path

import pytest

from benchmarks.harness.process import free_port, wait_for
from gateway.api import Api, Issuer
from gateway.tokens.jwks_discovery import SERVICE_ACCOUNT_KEYS, with_jwks_uris
from tests.gateway.certificates import tls_server
from tests.gateway.documents import with_issuer
from tests.gateway.echo_backend import Echo
from tests.gateway.jwt_issuer import JwtIssuer, key_server
from tests.gateway.running_gateway import serving


def api_with(issuer: str, jwks_uri: str | None = None) -> Api:
    return Api("service", (), (Issuer("jwt", issuer, jwks_uri, (), ()),), ())


def test_a_jwks_url_in_the_document_is_kept() -> None:
    api = api_with("https://issuer.test", "https://issuer.test/keys")
    assert with_jwks_uris(api, ()) == (api, {})


def test_an_issuer_whose_keys_are_given_is_not_contacted() -> None:
    api = api_with("https://issuer.test")
    assert with_jwks_uris(api, ["https://issuer.test"]) == (api, {})


def test_a_service_account_has_its_keys_at_google() -> None:
    account = "me@project.iam.gserviceaccount.com"
    api, _ = with_jwks_uris(api_with(account), ())
    [issuer] = api.issuers
    assert issuer.jwks_uri == SERVICE_ACCOUNT_KEYS + account


@pytest.mark.integration
def test_the_error_about_an_unreachable_issuer_names_it_and_the_option() -> None:
    url = f"https://127.0.0.1:{free_port()}"
    api, errors = with_jwks_uris(api_with(url), ())
    assert api == api_with(url)
    assert f"--jwks {url}=FILE" in str(errors[url])


@pytest.mark.parametrize("issuer", ["https://a b", "https://a:port", "https://[::1", "https://a\r\nb", "https://\0"])
def test_an_issuer_that_is_no_url_has_no_keys(issuer: str) -> None:
    _, errors = with_jwks_uris(api_with(issuer), ())
    assert list(errors) == [issuer]


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("response", "said"),
    [
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302", id="redirect"),
        pytest.param(HEAD + b" " * (2 << 20), "too large", id="endless"),
        pytest.param(HEAD + b"[" * 100_000, "recursion", id="nested"),
        pytest.param(HEAD + b'{"jwks_uri": "http://a/keys"}', "not an https URL", id="keys-without-https"),
        pytest.param(None, "timed out", id="nothing"),
    ],
)
def test_an_issuer_that_answers_nonsense_has_no_keys(
    response: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path, response) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        monkeypatch.setattr("gateway.tokens.jwks_discovery.TIMEOUT_SECONDS", 10 if response else 0.2)
        _, errors = with_jwks_uris(api_with(url), ())
    assert said in str(errors[url])


def test_an_issuer_without_https_is_not_contacted() -> None:
    _, errors = with_jwks_uris(api_with("http://issuer.test"), ())
    assert "not an https URL" in str(errors["http://issuer.test"])


@pytest.mark.integration
def test_an_issuers_keys_are_fetched(tmp_path: Path, rose: Echo) -> None:
    issuer = JwtIssuer("", "a", "ES256")
    with key_server(issuer.jwks) as url:
        scheme = {"x-google-issuer": url, "x-google-jwks_uri": f"{url}/jwks"}
        with serving(tmp_path, with_issuer(rose.url, **scheme)) as gateway:
            bearer = {"authorization": f"Bearer {issuer.token(iss=url)}"}
            wait_for(lambda: gateway.send("GET /x", bearer).status == 200, 10, "the keys")
            assert gateway.send("GET /x").message == "Jwt is missing"
