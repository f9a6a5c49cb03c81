"""Finds the JWKS URL of issuers whose security definition has no `x-google-jwks_uri`, as Google's gateway does."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from gateway.api import Api, Issuer

SERVICE_ACCOUNT_KEYS = "https://www.googleapis.com/service_accounts/v1/metadata/x509/"
TIMEOUT_SECONDS = 10


class DiscoveryError(Exception):
    """The issuer's OpenID configuration cannot be used; the message names the issuer and the remedy."""


def with_jwks_uris(api: Api, given: Collection[str]) -> tuple[Api, dict[str, DiscoveryError]]:
    """The same API with a JWKS URL for every issuer, except those in `given` (issuers or URLs whose keys are known).

    Also the issuers whose URL cannot be found, which stay without one, and why.
    """
    errors: dict[str, DiscoveryError] = {}

    def found(issuer: Issuer) -> Issuer:
        if issuer.jwks_uri is not None or issuer.issuer in given:
            return issuer
        if "@" in issuer.issuer:
            return replace(issuer, jwks_uri=SERVICE_ACCOUNT_KEYS + issuer.issuer)
        try:
            return replace(issuer, jwks_uri=_fetch_jwks_uri(issuer.issuer))
        except DiscoveryError as err:
            errors[issuer.issuer] = err
            return issuer

    return replace(api, issuers=tuple(map(found, api.issuers))), errors


def _fetch_jwks_uri(issuer: str) -> str:
    from urllib.error import URLError
    from urllib.request import HTTPRedirectHandler, build_opener

    class NoRedirect(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Follow no redirect: `urlopen` then raises HTTPError."""

    root = issuer if "://" in issuer else f"https://{issuer}"
    url = f"{root.rstrip('/')}/.well-known/openid-configuration"
    try:
        if not url.startswith("https://"):
            raise ValueError("not an https URL")
        with build_opener(NoRedirect).open(url, timeout=TIMEOUT_SECONDS) as response:
            jwks_uri = json.load(response)["jwks_uri"]
    except (URLError, OSError, ValueError, KeyError, TypeError) as err:
        raise DiscoveryError(
            f"issuer {issuer}: cannot read its JWKS URL from {url} ({err}), so its tokens are rejected; pass --jwks"
            f" {issuer}=FILE, or add x-google-jwks_uri to the document"
        ) from err
    if not isinstance(jwks_uri, str) or not jwks_uri.startswith("https://"):
        raise DiscoveryError(f"issuer {issuer}: jwks_uri in {url} is not an https URL, so its tokens are rejected")
    return jwks_uri
