"""Finds the JWKS URL of issuers whose security definition has no `x-google-jwks_uri`, as Google's gateway does."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread

from gateway.api import Api

SERVICE_ACCOUNT_KEYS = "https://www.googleapis.com/service_accounts/v1/metadata/x509/"
TIMEOUT_SECONDS = 10
MAX_BYTES = 1 << 20


class DiscoveryError(Exception):
    """The issuer's OpenID configuration cannot be used; the message names the issuer and the remedy."""


def with_jwks_uris(api: Api, given: Collection[str]) -> tuple[Api, dict[str, DiscoveryError]]:
    """The same API with a JWKS URL for every issuer, except those in `given` (issuers or URLs whose keys are known).

    Also the issuers whose URL cannot be found, which stay without one, and why.
    """
    unknown = [issuer.issuer for issuer in api.issuers if issuer.jwks_uri is None and issuer.issuer not in given]
    results = _fetched_in_time({issuer: _configuration_url(issuer) for issuer in unknown if "@" not in issuer})
    found = {issuer: SERVICE_ACCOUNT_KEYS + issuer for issuer in unknown if "@" in issuer}
    errors: dict[str, DiscoveryError] = {}
    for issuer, result in results.items():
        try:
            found[issuer] = _jwks_uri(issuer, result)
        except DiscoveryError as err:
            errors[issuer] = err
    known = tuple(replace(issuer, jwks_uri=issuer.jwks_uri or found.get(issuer.issuer)) for issuer in api.issuers)
    return replace(api, issuers=known), errors


def _configuration_url(issuer: str) -> str:
    root = issuer if "://" in issuer else f"https://{issuer}"
    return f"{root.rstrip('/')}/.well-known/openid-configuration"


def _jwks_uri(issuer: str, configuration: bytes | Exception) -> str:
    """The JWKS URL in the issuer's configuration; raises DiscoveryError."""
    url = _configuration_url(issuer)
    try:
        if isinstance(configuration, Exception):
            raise configuration
        jwks_uri = json.loads(configuration)["jwks_uri"]
    except Exception as err:
        raise DiscoveryError(
            f"issuer {issuer}: cannot read its JWKS URL from {url} ({err}), so its tokens are rejected; pass --jwks"
            f" {issuer}=FILE, or add x-google-jwks_uri to the document"
        ) from err
    if not isinstance(jwks_uri, str) or not jwks_uri.startswith("https://"):
        raise DiscoveryError(f"issuer {issuer}: jwks_uri in {url} is not an https URL, so its tokens are rejected")
    return jwks_uri


def _fetched_in_time(urls: Mapping[str, str]) -> dict[str, bytes | Exception]:
    """The body at each URL, or why there is none within TIMEOUT_SECONDS, however slowly the servers send."""
    results: dict[str, bytes | Exception] = dict.fromkeys(urls, TimeoutError("timed out"))
    done: SimpleQueue[tuple[str, bytes | Exception]] = SimpleQueue()

    def fetch(name: str, url: str) -> None:
        try:
            done.put((name, _fetched(url)))
        except Exception as err:
            done.put((name, err))

    for name, url in urls.items():
        Thread(target=fetch, args=(name, url), daemon=True).start()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with suppress(Empty):
        for _ in urls:
            name, result = done.get(timeout=max(0, deadline - time.monotonic()))
            results[name] = result
    return results


def _fetched(url: str) -> bytes:
    """The body at an https URL, without following a redirect."""
    if not url.startswith("https://"):
        raise ValueError("not an https URL")
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, build_opener

    class NoRedirect(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Follow no redirect: `urlopen` then raises HTTPError."""

    try:
        with build_opener(NoRedirect).open(url, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read(MAX_BYTES + 1)
    except HTTPError as err:
        err.close()
        raise
    if len(content) > MAX_BYTES:
        raise ValueError("its response is too large")
    return content
