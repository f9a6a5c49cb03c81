"""Warnings about options that `serve` was started with, or without."""

from pathlib import Path

import pytest

from benchmarks.harness.process import free_port, wait_for
from gateway.api import Api, read_api
from gateway.commands.serve import Options
from gateway.commands.start_warnings import option_warnings, warn_about_unreachable_issuers
from gateway.origin import origin
from gateway.runtime import AddressPrefix, Runtime, Target
from tests.gateway.documents import document, one_path, operation, with_issuer, with_key
from tests.gateway.echo_backend import Echo
from tests.gateway.jwt_issuer import JwtIssuer, key_server
from tests.gateway.running_gateway import serving

ISSUER = {"x-google-issuer": "https://issuer.test"}
LOCAL = Target(origin("http://127.0.0.1:1"))
FUNCTIONS = read_api(
    document({f"/{name}": {"get": operation(f"https://fn.test/{name}", "CONSTANT_ADDRESS")} for name in ("a", "b")})
)


def warnings(api: Api, **options: object) -> list[str]:
    return list(option_warnings(Options(Path("api.yaml"), 8080, **options), api))  # type: ignore[arg-type]


def test_an_override_of_a_known_address_is_not_reported() -> None:
    assert not warnings(FUNCTIONS, backend_overrides={AddressPrefix(origin("https://fn.test")): LOCAL})
    assert not warnings(FUNCTIONS, backend_overrides={AddressPrefix(origin("https://fn.test"), "/a"): LOCAL})


def test_an_override_of_an_unknown_path_lists_the_known_ones() -> None:
    [line] = warnings(FUNCTIONS, backend_overrides={AddressPrefix(origin("https://fn.test"), "/c"): LOCAL})
    assert line.startswith("--backend https://fn.test:443/c: ")
    assert line.endswith("/a, /b")


def test_a_document_that_needs_keys_is_reported_without_a_keys_file() -> None:
    [line] = warnings(read_api(with_key("https://x.test")))
    assert "--keys FILE" in line
    assert not warnings(read_api(with_key("https://x.test")), keys=Path("keys.yaml"))
    assert not warnings(read_api(one_path("https://x.test")))


@pytest.mark.integration
def test_an_issuer_that_can_be_reached_is_not_reported() -> None:
    with key_server(JwtIssuer("", "a", "ES256").jwks) as url:
        api = read_api(with_issuer("https://x.test", **ISSUER, **{"x-google-jwks_uri": f"{url}/jwks"}))
        said: list[str] = []
        warn_about_unreachable_issuers(api, Runtime(8080, ()), said.append)
        assert said == []


@pytest.mark.integration
def test_a_gateway_whose_issuer_cannot_be_reached_warns_and_rejects_its_tokens(tmp_path: Path, rose: Echo) -> None:
    uri = f"http://127.0.0.1:{free_port()}/keys"
    with serving(tmp_path, with_issuer(rose.url, **ISSUER, **{"x-google-jwks_uri": uri})) as gateway:
        wait_for(lambda: bool(gateway.errors), 10, "the warning")
        [line] = gateway.errors
        assert uri in line
        assert "--jwks https://issuer.test=FILE" in line
        assert gateway.send("GET /x").status == 401


@pytest.mark.integration
def test_a_gateway_whose_issuer_cannot_be_discovered_warns_and_rejects_its_tokens(tmp_path: Path, rose: Echo) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    with serving(tmp_path, with_issuer(rose.url, **{"x-google-issuer": url})) as gateway:
        [line] = gateway.errors
        assert f"--jwks {url}=FILE" in line
        token = JwtIssuer(url, "a", "ES256").token()
        assert gateway.send("GET /x", {"authorization": f"Bearer {token}"}).status == 401
