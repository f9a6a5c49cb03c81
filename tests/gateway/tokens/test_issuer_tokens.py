"""`token`: JWTs that the gateway accepts for an issuer of a document."""

import json
import stat
import subprocess
import time
from pathlib import Path

import jwt
import pytest
import yaml

from gateway.api import Api, Issuer, JwtLocation, read_api
from gateway.tokens.issuer_tokens import TokenError, choose_issuer, claims, curl_option, key_of
from tests.gateway.documents import JWT, document, operation, with_issuer
from tests.gateway.echo_backend import Echo
from tests.gateway.running_gateway import cli, serving

BEARER = (JwtLocation("Authorization", "Bearer "),)
GARDENERS = Issuer("gardeners", "https://gardeners.test", None, ("garden", "shed"), BEARER)
FLORISTS = Issuer("florists", "https://florists.test", None, ("shop",), (JwtLocation("token", in_query=True),))


def api_with(*issuers: Issuer) -> Api:
    return Api("service", (), issuers, ())


@pytest.mark.parametrize("name", ["florists", "https://florists.test"])
def test_an_issuer_is_chosen_by_definition_or_url(name: str) -> None:
    assert choose_issuer(api_with(GARDENERS, FLORISTS), name) is FLORISTS


def test_the_only_issuer_needs_no_name() -> None:
    assert choose_issuer(api_with(GARDENERS), None) is GARDENERS


@pytest.mark.parametrize(
    ("issuers", "name"),
    [
        pytest.param((), None, id="no-issuer"),
        pytest.param((GARDENERS, FLORISTS), None, id="several"),
        pytest.param((GARDENERS,), "florists", id="unknown"),
    ],
)
def test_without_one_issuer_there_is_no_token(issuers: tuple[Issuer, ...], name: str | None) -> None:
    with pytest.raises(TokenError):
        choose_issuer(api_with(*issuers), name)


def test_claims_are_those_of_the_issuer_unless_replaced() -> None:
    made = claims(GARDENERS, 1000.5, {"sub": "me", "roles": ["a"]})
    assert (made["iss"], made["aud"], made["sub"]) == ("https://gardeners.test", "garden", "me")
    assert (made["iat"], made["exp"], made["roles"]) == (1000, 4600, ["a"])


def test_a_key_and_its_key_set_are_created_once(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = key_of(path, "ES256")
    assert key_of(path, None).key_id == key.key_id
    assert json.loads(path.read_text()) == key.key_set
    assert stat.S_IMODE((tmp_path / "keys.pem").stat().st_mode) == 0o600


def test_a_key_set_of_another_key_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    with pytest.raises(TokenError, match="another file"):
        key_of(path, None)
    assert path.read_text() == '{"keys": []}'


@pytest.mark.parametrize("name", ["keys.pem", "missing/keys.json"])
def test_a_key_set_that_cannot_be_written_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="keys"):
        key_of(tmp_path / name, None)


def test_curl_sends_the_token_where_the_document_wants_it() -> None:
    assert curl_option(GARDENERS) == "-H 'Authorization: Bearer TOKEN'"
    assert curl_option(FLORISTS) == "--url-query 'token=TOKEN'"


@pytest.mark.integration
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_envoy_accepts_a_token_sent_with_curl(tmp_path: Path, rose: Echo, algorithm: str) -> None:
    content = with_issuer(rose.url, **{"x-google-issuer": "https://issuer.test"})
    path, key_set = tmp_path / "api.yaml", tmp_path / "keys.json"
    path.write_text(yaml.safe_dump(content))
    made = cli("token", str(path), f"--jwks={key_set}", f"--algorithm={algorithm}", "--claim=roles=[1]")
    assert made.returncode == 0, made.stderr
    assert f"--jwks https://issuer.test={key_set}" in made.stderr
    assert jwt.get_unverified_header(made.stdout.strip())["alg"] == algorithm
    again = cli("token", str(path), f"--jwks={key_set}")
    assert again.stderr == ""
    with serving(tmp_path, content, f"--jwks=https://issuer.test={key_set}") as gateway:
        for token in (made.stdout.strip(), again.stdout.strip()):
            url = f"http://127.0.0.1:{gateway.port}/x"
            command = ["curl", "--silent", "--show-error", "-H", f"Authorization: Bearer {token}", url]
            run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
            assert json.loads(run.stdout)["backend"] == "rose"
        expired = cli("token", str(path), f"--jwks={key_set}", f"--claim=exp={int(time.time()) - 600}").stdout.strip()
        assert gateway.send("GET /x", {"authorization": f"Bearer {expired}"}).message == "Jwt is expired"


@pytest.mark.integration
def test_one_of_several_issuers_is_chosen_with_an_option(tmp_path: Path) -> None:
    issuers = {name: {**JWT, "x-google-issuer": f"https://{name}.test"} for name in ("one", "two")}
    alternatives: list[dict[str, list[str]]] = [{name: []} for name in issuers]
    paths = {"/x": {"get": {**operation("https://x.test"), "security": alternatives}}}
    path, key_set = tmp_path / "api.yaml", tmp_path / "keys.json"
    path.write_text(yaml.safe_dump(document(paths, securityDefinitions=issuers)))
    assert len(read_api(yaml.safe_load(path.read_text())).issuers) == 2
    assert cli("token", str(path), f"--jwks={key_set}").returncode == 1
    assert not key_set.exists()
    made = cli("token", str(path), f"--jwks={key_set}", "--issuer=two").stdout.strip()
    assert jwt.decode(made, options={"verify_signature": False})["iss"] == "https://two.test"
