"""What the gateway needs to run that the document does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.api_keys import Key
from gateway.origin import Origin


@dataclass(frozen=True)
class Runtime:
    """Where the gateway listens, who may call it, and where its backends and key sets are.

    `backend_overrides` maps an origin in the document to the one to connect to instead; `jwks` maps a JWKS URL or an
    issuer to its key set (JSON); `id_tokens` maps an audience to the token sent to its backends.
    """

    port: int
    keys: tuple[Key, ...]
    address: str = "127.0.0.1"
    backend_overrides: Mapping[Origin, Origin] = field(default_factory=dict)
    jwks: Mapping[str, str] = field(default_factory=dict)
    id_tokens: Mapping[str, str] = field(default_factory=dict)
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
