"""ID tokens for backends: the tokens that Google would send to Cloud Run, but signed with a local key."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# The same as in Google's tokens; only the signature differs.
ISSUER = "https://accounts.google.com"
ACCOUNT = "gateway@localhost"
LIFETIME = 3600


class SigningKeyError(ValueError):
    """The signing key is invalid; the message names the file."""


@dataclass(frozen=True)
class Signer:
    """Signs ID tokens with an RSA key."""

    key: rsa.RSAPrivateKey

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint."""
        members = {name: self._public[name] for name in ("e", "kty", "n")}
        digest = sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def public_keys(self) -> dict[str, Any]:
        """The JWKS with which a backend verifies the tokens."""
        return {"keys": [{**self._public, "use": "sig", "alg": "RS256", "kid": self.key_id}]}

    @property
    def _public(self) -> dict[str, Any]:
        found = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: found[name] for name in ("kty", "n", "e")}

    def tokens(self, audiences: set[str], now: float) -> dict[str, str]:
        """A token for each audience, valid for one hour from `now`."""
        key_id = self.key_id
        return {audience: self._token(audience, int(now), key_id) for audience in sorted(audiences)}

    def _token(self, audience: str, now: int, key_id: str) -> str:
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "azp": ACCOUNT,
            "sub": ACCOUNT,
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + LIFETIME,
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": key_id})


def signer(path: Path | None = None) -> Signer:
    """A signer with the key in the PEM file `path`, created if it does not exist; without a path, with a new key."""
    if path is None:
        return Signer(_new_key())
    if not path.exists():
        key = _new_key()
        _write(path, key)
        return Signer(key)
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as err:
        raise SigningKeyError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, TypeError) as err:
        raise SigningKeyError(f"{path}: is not a PEM file with an unencrypted RSA private key") from err
    if not isinstance(found, rsa.RSAPrivateKey):
        raise SigningKeyError(f"{path}: contains a key that is not RSA")
    return Signer(found)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _write(path: Path, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as err:
        raise SigningKeyError(f"{path}: cannot be written: {err.strerror}") from err
