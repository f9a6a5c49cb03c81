"""What tests of the services share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Service, StartService
from tests.services.holding import Held, StartHeld


@pytest.fixture
def start_held(start_service: StartService, tmp_path: Path) -> Iterator[StartHeld]:
    """Starts the service of a held model and stops it with the test."""
    started: list[Service] = []

    def start(**variables: str) -> Held:
        started.append(start_service("tests.services.held", MODEL_NAME="held", HELD=str(tmp_path), **variables))
        return Held(started[-1], tmp_path)

    yield start
    for service in started:
        service.process.kill()
        service.process.wait()
