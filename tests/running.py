"""Real processes for tests: services on free ports, started, waited for and ended."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.process import ROOT, responds

ARTIFACTS = ROOT / ".models"
DEFAULT_MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
START_SECONDS = 30


@dataclass
class Service:
    """A service in a process of its own."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> int:
        """Send SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(15)


StartService = Callable[..., Service]


def ready_or_dead(service: Service) -> bool:
    return service.process.poll() is not None or responds(f"{service.url}/ready")
