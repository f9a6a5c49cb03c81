"""Real processes for tests: services on free ports, waited for and ended."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
ARTIFACTS = ROOT / ".models"
DEFAULT_MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
START_SECONDS = 30


@dataclass(frozen=True)
class Photo:
    """A photo with the number of its ImageNet class."""

    path: Path
    label: int

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


@dataclass
class Service:
    """A service in a process of its own."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(15)


StartService = Callable[..., Service]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return once `condition` holds; fail the test after `seconds`."""
    until = time.monotonic() + seconds
    pause = 0.01
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5).status_code == 200
    return False


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without the product's variables, and with these."""
    ours = re.compile(r"GUICHET_|MODEL_|FAKE_|PORT$|HOST$|API_")
    return {name: value for name, value in os.environ.items() if not ours.match(name)} | variables


def ready_or_dead(service: Service) -> bool:
    return service.process.poll() is not None or answers(f"{service.url}/ready")


def end_process(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(12)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
