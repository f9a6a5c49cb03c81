"""Two backends, and one gateway on `all_features.yaml` for all tests that only send requests to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.gateway.echo_backend import Echo, echo_backend
from tests.gateway.jwt_issuer import JwtIssuer
from tests.gateway.running_gateway import SharedGateway, serving
from tests.running import free_port

ALL_FEATURES = Path(__file__).with_name("all_features.yaml")


@pytest.fixture(scope="session")
def rose() -> Iterator[Echo]:
    with echo_backend("rose") as server:
        yield server


@pytest.fixture(scope="session")
def tulip() -> Iterator[Echo]:
    with echo_backend("tulip") as server:
        yield server


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, rose: Echo, tulip: Echo) -> Iterator[SharedGateway]:
    folder = tmp_path_factory.mktemp("shared")
    gardeners = JwtIssuer("https://gardeners.test", "garden", "RS256")
    florists = JwtIssuer("https://florists.test", "shop", "ES256")
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
    with serving(folder, yaml.safe_load(ALL_FEATURES.read_text()), *arguments) as gateway:
        yield SharedGateway(gateway, rose, tulip, gardeners, florists, admin_port)
