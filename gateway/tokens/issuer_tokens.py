"""JWTs for tests, as an issuer of a document would sign them, and the key set that a gateway verifies them with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.api import Api, Issuer
from gateway.tokens.signing_key import SigningKey, stored_key

LIFETIME = 3600


class TokenError(ValueError):
    """No token can be made; the message says why."""


def choose_issuer(api: Api, name: str | None) -> Issuer:
    """The issuer with this URL, or whose security definition has this name; without a name, the only one."""
    if not api.issuers:
        raise TokenError("no operation requires a token")
    found = [issuer for issuer in api.issuers if name in (None, issuer.name, issuer.issuer)]
    names = ", ".join(issuer.name for issuer in api.issuers)
    if not found:
        raise TokenError(f"no operation requires a token of {name!r}; the issuers are {names}")
    if len(found) > 1:
        raise TokenError(f"the document has several issuers; choose one with --issuer: {names}")
    return found[0]


def claims(issuer: Issuer, now: float, more: Mapping[str, Any]) -> dict[str, Any]:
    """Claims that the document accepts, valid for one hour from `now`, and `more`, which may replace them."""
    audience = issuer.audiences[0]
    issued = {"iat": int(now), "exp": int(now) + LIFETIME}
    return {"iss": issuer.issuer, "aud": audience, "sub": "test", "email": "test@example.com", **issued, **more}


def key_of(key_set: Path, algorithm: str | None) -> SigningKey:
    """The private key beside the key set, in a file of the same name ending in `.pem`.

    Both are created if they do not exist. A key set without this key is not overwritten.
    """
    private = key_set.with_suffix(".pem")
    if private == key_set:
        raise TokenError(f"{key_set}: is the file of the private key; choose a name that ends in .json")
    key = stored_key(private, algorithm)
    if not key_set.exists():
        try:
            key_set.write_text(json.dumps(key.key_set, indent=2) + "\n", encoding="utf-8")
        except OSError as err:
            raise TokenError(f"{key_set}: cannot be written: {err.strerror}") from err
    elif key.key_id not in key_set.read_text(encoding="utf-8", errors="replace"):
        raise TokenError(f"{key_set}: does not contain the key in {private}; choose another file")
    return key


def curl_option(issuer: Issuer) -> str:
    """How curl sends a token in the first place where the gateway looks for it."""
    first = issuer.locations[0]
    if first.in_query:
        return f"--url-query '{first.name}=TOKEN'"
    return f"-H '{first.name}: {first.prefix}TOKEN'"
