"""ID tokens for backends."""

import time

import jwt
import pytest

from gateway.tokens.id_tokens import signer


def test_a_token_has_one_audience_and_is_verified_with_the_public_key() -> None:
    made = signer()
    tokens = made.tokens({"https://a.test", "https://b.test"}, now=time.time())
    keys = jwt.PyJWKSet.from_dict(made.key.key_set)
    for audience, token in tokens.items():
        claims = jwt.decode(token, keys[made.key.key_id], algorithms=["RS256"], audience=audience)
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["email_verified"] is True
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(tokens["https://a.test"], keys[made.key.key_id], algorithms=["RS256"], audience="https://b.test")
    assert set(made.key.key_set["keys"][0]) == {"kty", "n", "e", "use", "alg", "kid"}
