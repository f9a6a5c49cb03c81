"""Keys that sign JWTs, the PEM files that store them, and their key sets."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

RS256 = "RS256"
ES256 = "ES256"


class SigningKeyError(ValueError):
    """The signing key is invalid; the message names the file."""


@dataclass(frozen=True)
class SigningKey:
    """A private key: RSA signs with RS256, P-256 with ES256."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def algorithm(self) -> str:
        return RS256 if isinstance(self.key, rsa.RSAPrivateKey) else ES256

    @cached_property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint."""
        digest = sha256(json.dumps(self._public, separators=(",", ":"), sort_keys=True).encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def key_set(self) -> dict[str, Any]:
        """The JWKS with which others verify the tokens."""
        return {"keys": [{**self._public, "use": "sig", "alg": self.algorithm, "kid": self.key_id}]}

    @cached_property
    def _public(self) -> dict[str, Any]:
        """The members of the JWK that the thumbprint is made of."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            found = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {name: found[name] for name in ("e", "kty", "n")}
        found = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: found[name] for name in ("crv", "kty", "x", "y")}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The JWT with these claims."""
        return jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers={"kid": self.key_id})


def new_key(algorithm: str = RS256) -> SigningKey:
    if algorithm == ES256:
        return SigningKey(ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def stored_key(path: Path, algorithm: str | None = None) -> SigningKey:
    """The key in the PEM file, created (RS256 by default) if it does not exist; its algorithm must be the given one."""
    if not path.exists():
        key = new_key(algorithm or RS256)
        _write(path, key)
        return key
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as err:
        raise SigningKeyError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, TypeError) as err:
        raise SigningKeyError(f"{path}: is not a PEM file with an unencrypted private key") from err
    is_p256 = isinstance(found, ec.EllipticCurvePrivateKey) and isinstance(found.curve, ec.SECP256R1)
    if not isinstance(found, ec.EllipticCurvePrivateKey if is_p256 else rsa.RSAPrivateKey):
        raise SigningKeyError(f"{path}: contains neither an RSA nor a P-256 key")
    key = SigningKey(found)
    if algorithm not in (None, key.algorithm):
        raise SigningKeyError(f"{path}: contains a key for {key.algorithm}, not for {algorithm}")
    return key


def _write(path: Path, key: SigningKey) -> None:
    pem = key.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as err:
        raise SigningKeyError(f"{path}: cannot be written: {err.strerror}") from err
