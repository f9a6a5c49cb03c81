"""Where an issuer's keys come from when they are not given."""

from pathlib import Path

from tests.gateway.echo import Echo
from tests.gateway.issuing import Issuer, key_server
from tests.gateway.serving import (
    cli,
    document,
    operation,
    serving,
)
from tests.running import free_port, wait_for


def test_an_issuers_keys_are_fetched_from_where_the_document_says(tmp_path: Path, rose: Echo) -> None:
    issuer = Issuer("https://issuer.test", "a", "ES256")
    with key_server(issuer.jwks) as url:
        scheme = {"type": "oauth2", "flow": "implicit", "authorizationUrl": "", "x-google-audiences": "a"}
        guarded = document(
            {"/x": {"get": operation(rose.url) | {"security": [{"jwt": []}]}}},
            securityDefinitions={"jwt": {**scheme, "x-google-issuer": issuer.name, "x-google-jwks_uri": f"{url}/jwks"}},
        )
        with serving(tmp_path, guarded) as gateway:
            bearer = {"authorization": f"Bearer {issuer.token()}"}
            wait_for(lambda: gateway.ask("GET /x", bearer).status == 200, 10, "the keys")
            assert gateway.ask("GET /x").message == "Jwt is missing"


def test_an_issuer_that_names_no_keys_is_asked_for_them(tmp_path: Path, rose: Echo) -> None:
    issuer = Issuer("", "a", "RS256")
    scheme = {"type": "oauth2", "flow": "implicit", "authorizationUrl": "", "x-google-audiences": "a"}
    with key_server(issuer.jwks) as url:
        guarded = document(
            {"/x": {"get": operation(rose.url) | {"security": [{"jwt": []}]}}},
            securityDefinitions={"jwt": {**scheme, "x-google-issuer": url}},
        )
        with serving(tmp_path, guarded) as gateway:
            bearer = {"authorization": f"Bearer {issuer.token(iss=url)}"}
            wait_for(lambda: gateway.ask("GET /x", bearer).status == 200, 10, "the keys")
    run = cli("serve", str(tmp_path / "document.json"), f"--port={free_port()}")
    assert run.returncode == 1
    assert f"the issuer {url} does not say" in run.stderr
    assert f"--jwks {url}=FILE" in run.stderr
