"""ID tokens for backends, and the key that signs them."""

import stat
import time
from pathlib import Path

import jwt
import pytest

from gateway.id_tokens import SigningKeyError, signer


def test_a_token_has_one_audience_and_is_verified_with_the_public_key() -> None:
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


def test_a_signing_key_is_created_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = signer(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signer(path).public_keys == made.public_keys


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("nonsense", id="nonsense"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="truncated"),
    ],
)
def test_the_error_about_an_invalid_signing_key_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text(content)
    with pytest.raises(SigningKeyError) as refused:
        signer(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_the_error_about_a_signing_key_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "no" / "key.pem"
    with pytest.raises(SigningKeyError) as refused:
        signer(path)
    assert str(refused.value).startswith(f"{path}: cannot be written: ")
