"""The service of a model that tests hold, from the tests' side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.running import Service, wait_for


@dataclass
class Held:
    """A service whose model the tests hold."""

    service: Service
    folder: Path

    def asked(self) -> list[str]:
        """What the model was asked, in order."""
        journal = self.folder / "journal"
        return journal.read_text().split() if journal.exists() else []

    def release(self, *names: str) -> None:
        for name in names:
            (self.folder / f"{name}.go").touch()

    def wait_until_asked(self, *names: str) -> None:
        wait_for(lambda: set(names) <= set(self.asked()), 5, f"the model to be asked {names}")


StartHeld = Callable[..., Held]
