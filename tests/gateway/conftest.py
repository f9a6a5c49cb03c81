"""Two backends, and one gateway on `all_features.yaml` for all tests that only send requests to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.gateway.echo_backend import Echo, echo_backend
from tests.gateway.running_gateway import SharedGateway, shared_gateway

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
    document = yaml.safe_load(ALL_FEATURES.read_text())
    with shared_gateway(tmp_path_factory.mktemp("shared"), document, rose, tulip) as gateway:
        yield gateway
