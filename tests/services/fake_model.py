"""Control the fake model of a running service (fake_model_service.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.process import wait_for
from tests.running import Service


@dataclass
class FakeService:
    """A service whose model the tests control."""

    service: Service
    folder: Path

    def predicted(self) -> list[str]:
        """The names of the predicted images, in order."""
        journal = self.folder / "journal"
        return journal.read_text().split() if journal.exists() else []

    def release(self, *names: str) -> None:
        for name in names:
            (self.folder / f"{name}.go").touch()

    def wait_until_predicting(self, *names: str) -> None:
        wait_for(lambda: set(names) <= set(self.predicted()), 20, f"the model to predict {names}")


StartFake = Callable[..., FakeService]
