"""ID tokens for backends: who signs them, for whom, and how new ones take their place."""

import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from gateway.local import Local, nobody
from gateway.process import Envoy, envoy_binary
from gateway.routes import read_api
from gateway.tether import tethered
from gateway.tokens import SigningKeyError, signer
from tests.gateway.asking import ask
from tests.gateway.echo import Echo
from tests.gateway.serving import backend, cli, document
from tests.running import free_port


def test_a_token_is_for_its_audience_and_verified_with_the_public_key() -> None:
    made = signer()
    tokens = made.tokens({"https://a.test", "https://b.test"}, now=time.time())
    keys = jwt.PyJWKSet.from_dict(made.public_keys)
    for audience, token in tokens.items():
        claims = jwt.decode(token, keys[made.key_id], algorithms=["RS256"], audience=audience)
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["email_verified"] is True
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(tokens["https://a.test"], keys[made.key_id], algorithms=["RS256"], audience="https://b.test")
    assert set(made.public_keys["keys"][0]) == {"kty", "n", "e", "use", "alg", "kid"}


def test_a_signing_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = signer(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signer(path).public_keys == made.public_keys


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("nonsense", "is no PEM file", id="nonsense"),
        pytest.param(
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is no PEM file", id="cut-short"
        ),
    ],
)
def test_a_signing_key_that_cannot_be_used_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text(content)
    with pytest.raises(SigningKeyError, match=message):
        signer(path)


def test_a_signing_key_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    described = tmp_path / "document.json"
    described.write_text(
        '{"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"get": {"responses": {"200":'
        ' {"description": "ok"}}, "x-google-backend": {"address": "http://x.test", "path_translation":'
        ' "CONSTANT_ADDRESS"}}}}}'
    )
    missing = tmp_path / "no" / "key.pem"
    run = cli("serve", str(described), f"--port={free_port()}", f"--signing-key={missing}")
    assert (run.returncode, run.stderr) == (1, f"{missing}: cannot be written: No such file or directory\n")


def test_new_tokens_take_the_place_of_old_ones(rose: Echo) -> None:
    sent = {"/x": {"get": {"x-google-backend": backend(rose.url, disable_auth=False, jwt_audience="me")}}}
    api = read_api(document(sent))
    local = Local(free_port(), nobody(), id_tokens={"me": "first"})
    with Envoy(envoy_binary(), api, local) as envoy:
        envoy.start()
        assert ask(local.port, "GET /x").json["headers"]["authorization"] == "Bearer first"
        envoy.change(api, replace(local, id_tokens={"me": "second"}))
        assert ask(local.port, "GET /x").json["headers"]["authorization"] == "Bearer second"


def test_a_tethered_command_is_the_command() -> None:
    command = [sys.executable, "-c", "import sys; print(sys.argv[1:])", "--a", "b c"]
    run = subprocess.run(tethered(command), capture_output=True, text=True, timeout=20, check=True)
    assert run.stdout == "['--a', 'b c']\n"
