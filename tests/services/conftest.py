"""Fixtures for the tests of the services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Service, StartService
from tests.services.fake_model import FakeService, StartFake


@pytest.fixture
def start_fake(start_service: StartService, tmp_path: Path) -> Iterator[StartFake]:
    """Starts services with a fake model, and stops them after the test."""
    started: list[Service] = []

    def start(**variables: str) -> FakeService:
        started.append(
            start_service("tests.services.fake_model_service", MODEL_NAME="fake", FAKE_MODEL=str(tmp_path), **variables)
        )
        return FakeService(started[-1], tmp_path)

    yield start
    for service in started:
        service.process.kill()
        service.process.wait()
