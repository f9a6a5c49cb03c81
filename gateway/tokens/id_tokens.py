"""ID tokens for backends: the tokens that Google would send to Cloud Run, but signed with a local key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.tokens.signing_key import RS256, SigningKey, new_key, stored_key

# The same as in Google's tokens; only the signature differs.
ISSUER = "https://accounts.google.com"
ACCOUNT = "gateway@localhost"
LIFETIME = 3600


@dataclass(frozen=True)
class Signer:
    """Signs ID tokens with an RSA key."""

    key: SigningKey

    def tokens(self, audiences: set[str], now: float) -> dict[str, str]:
        """A token for each audience, valid for one hour from `now`."""
        return {audience: self._token(audience, int(now)) for audience in sorted(audiences)}

    def _token(self, audience: str, now: int) -> str:
        return self.key.sign(
            {
                "iss": ISSUER,
                "aud": audience,
                "azp": ACCOUNT,
                "sub": ACCOUNT,
                "email": ACCOUNT,
                "email_verified": True,
                "iat": now,
                "exp": now + LIFETIME,
            }
        )


def signer(path: Path | None = None) -> Signer:
    """A signer with the key in the PEM file `path`, created if it does not exist; without a path, with a new key."""
    return Signer(new_key() if path is None else stored_key(path, RS256))
