"""What the gateway needs to run that the document does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.api import Backend
from gateway.api_keys import Key
from gateway.origin import Origin


@dataclass(frozen=True)
class AddressPrefix:
    """The addresses of an origin whose path is `path` or below it; an empty path means all of them."""

    origin: Origin
    path: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


def prefixes(backend: Backend) -> Iterator[AddressPrefix]:
    """Everything that the backend's address begins with, the longest first."""
    path = backend.path.rstrip("/")
    while path:
        yield AddressPrefix(backend.origin, path)
        path = path.rpartition("/")[0]
    yield AddressPrefix(backend.origin)


@dataclass(frozen=True)
class Target:
    """Where to connect instead. Without TLS it is HTTP/2 only with `h2c`: few local servers understand it."""

    origin: Origin
    h2c: bool = False


@dataclass(frozen=True)
class Runtime:
    """Where the gateway listens, who may call it, and where its backends and key sets are.

    `backend_overrides` says where to connect instead of a backend's address; `jwks` maps a JWKS URL or an issuer to its
    key set (JSON); `id_tokens` maps an audience to the token sent to its backends.
    """

    port: int
    keys: tuple[Key, ...]
    address: str = "127.0.0.1"
    backend_overrides: Mapping[AddressPrefix, Target] = field(default_factory=dict)
    jwks: Mapping[str, str] = field(default_factory=dict)
    id_tokens: Mapping[str, str] = field(default_factory=dict)
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"

    def override(self, backend: Backend) -> AddressPrefix | None:
        """The longest prefix in `backend_overrides` that the backend's address begins with."""
        return next((prefix for prefix in prefixes(backend) if prefix in self.backend_overrides), None)
