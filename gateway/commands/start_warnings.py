"""Warnings about options that `serve` was started with, or without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gateway.api import Api, Backend
from gateway.api_keys import EXAMPLE
from gateway.envoy.clusters import remote_jwks
from gateway.runtime import AddressPrefix, Runtime, prefixes

if TYPE_CHECKING:
    from gateway.commands.serve import Options

TIMEOUT_SECONDS = 5


def option_warnings(options: Options, api: Api) -> Iterator[str]:
    """Options that match nothing in the document, and a document that needs API keys without any."""
    backends = {operation.backend for operation in api.operations}
    used = {prefix for backend in backends for prefix in prefixes(backend)}
    for prefix in options.backend_overrides.keys() - used:
        yield f"--backend {prefix}: no backend has this address; {_alternatives(prefix, backends)}"
    issuers = {name for issuer in api.issuers for name in (issuer.issuer, issuer.jwks_uri)}
    for url in options.jwks.keys() - issuers:
        yield f"--jwks {url}: no operation requires a token of this issuer"
    if options.keys is None and (count := sum(one.needs_key or one.optional_key for one in api.operations)):
        what = f"{count} operation{'s' if count > 1 else ''}"
        yield f"no --keys FILE: every API key is rejected, on {what}; the file is a list of entries such as {EXAMPLE}"


def _alternatives(prefix: AddressPrefix, backends: set[Backend]) -> str:
    near = sorted({backend.path for backend in backends if backend.origin == prefix.origin})
    if near:
        return f"the paths of this origin are {', '.join(near)}"
    return f"the origins are {', '.join(sorted({str(backend.origin) for backend in backends}))}"


def warn_about_unreachable_issuers(api: Api, runtime: Runtime, say: Callable[[str], None]) -> None:
    """Fetch the key sets that Envoy fetches, and report those that cannot be fetched."""
    issuers = {uri: issuer.issuer for issuer in api.issuers if (uri := remote_jwks(issuer, runtime))}
    for uri, issuer in issuers.items():
        if reason := _failure(uri):
            say(
                f"issuer {issuer}: cannot fetch its keys from {uri} ({reason}), so its tokens are rejected;"
                f" pass --jwks {issuer}=FILE"
            )


def _failure(uri: str) -> str:
    """Why the URL cannot be fetched; empty if it can."""
    from http.client import HTTPException
    from urllib.request import ProxyHandler, build_opener

    try:
        # Without the proxies of the environment, which Envoy does not use either.
        with build_opener(ProxyHandler({})).open(uri, timeout=TIMEOUT_SECONDS):
            return ""
    except (OSError, ValueError, HTTPException) as err:
        return str(getattr(err, "reason", err))
