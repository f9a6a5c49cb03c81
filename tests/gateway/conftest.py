"""One gateway on `lab.yaml` for all the tests that only ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.gateway.asking import Answer, Headers
from tests.gateway.echo import Echo, echo
from tests.gateway.issuing import Issuer
from tests.gateway.serving import Gateway, serving
from tests.running import free_port

LAB = Path(__file__).with_name("lab.yaml")


@pytest.fixture(scope="session")
def rose() -> Iterator[Echo]:
    with echo("rose") as server:
        yield server


@pytest.fixture(scope="session")
def tulip() -> Iterator[Echo]:
    with echo("tulip") as server:
        yield server


@dataclass(frozen=True)
class Lab:
    """A gateway on `lab.yaml`, what stands behind it, and who issues tokens for it."""

    gateway: Gateway
    rose: Echo
    tulip: Echo
    gardeners: Issuer
    florists: Issuer
    admin_port: int

    def ask(self, line: str, headers: Headers = (), body: bytes | None = None) -> Answer:
        return self.gateway.ask(line, headers, body)

    @property
    def arrived(self) -> int:
        """How many requests have come through so far."""
        return self.rose.requests + self.tulip.requests


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, rose: Echo, tulip: Echo) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    gardeners = Issuer("https://gardeners.test", "garden", "RS256")
    florists = Issuer("https://florists.test", "shop", "ES256")
    arguments = []
    for issuer in (gardeners, florists):
        file = folder / f"{issuer.audience}.json"
        file.write_text(issuer.jwks)
        arguments.append(f"--jwks={issuer.name}/keys.json={file}")
    admin_port = free_port()
    arguments += [
        f"--admin-port={admin_port}",
        f"--backend=http://rose.test={rose.url}",
        f"--backend=http://tulip.test={tulip.url}",
        f"--backend=http://closed.test=http://127.0.0.1:{free_port()}",
    ]
    with serving(folder, yaml.safe_load(LAB.read_text()), *arguments) as gateway:
        yield Lab(gateway, rose, tulip, gardeners, florists, admin_port)
