"""Where an issuer's keys are, when the document does not say: what Google's runtime asks the issuer itself."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

from gateway.routes import Api, Issuer

SERVICE_ACCOUNT_KEYS = "https://www.googleapis.com/service_accounts/v1/metadata/x509/"
SECONDS = 10


class DiscoveryError(Exception):
    """The issuer does not say where its keys are; the message names it and the remedy."""


def discovered(api: Api, given: Collection[str]) -> Api:
    """The same API with a JWKS address for every issuer; those `given`, by issuer or address, are not asked for."""
    return replace(api, issuers=tuple(_with_address(issuer, given) for issuer in api.issuers))


def _with_address(issuer: Issuer, given: Collection[str]) -> Issuer:
    if issuer.jwks_uri is not None or issuer.issuer in given:
        return issuer
    if "@" in issuer.issuer:
        return replace(issuer, jwks_uri=SERVICE_ACCOUNT_KEYS + issuer.issuer)
    return replace(issuer, jwks_uri=_asked(issuer.issuer))


def _asked(issuer: str) -> str:
    from urllib.error import URLError
    from urllib.request import urlopen

    root = issuer if issuer.startswith(("https://", "http://")) else f"https://{issuer}"
    address = f"{root.rstrip('/')}/.well-known/openid-configuration"
    try:
        with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310  # http or https, see above
            found = json.load(answer)["jwks_uri"]
    except (URLError, OSError, ValueError, KeyError, TypeError) as err:
        remedy = f"write x-google-jwks_uri, or give its keys with --jwks {issuer}=FILE"
        raise DiscoveryError(
            f"the issuer {issuer} does not say at {address} where its keys are ({err}); {remedy}"
        ) from err
    if not isinstance(found, str) or not found.startswith(("https://", "http://")):
        raise DiscoveryError(f"the issuer {issuer} names no URL as its jwks_uri at {address}")
    return found
