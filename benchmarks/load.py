"""Load on one server: wrk with so many connections for so long, each asking again as soon as it is answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import HOST
from gateway.die_with_parent import die_with_parent

# What the load before left unanswered is out of the way by then.
SETTLE_SECONDS: Final = 0.5
SCRIPT: Final = Path(__file__).with_name("load.lua")


class NoClient(Exception):
    """wrk is not installed, or failed."""


@dataclass(frozen=True)
class Load:
    """What one connection count brought; times in seconds. `refused` answers were not 2xx, `broken` ones never came."""

    connections: int
    requests: int
    seconds: float
    p50: float
    p90: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return (self.requests - self.refused) / self.seconds


def require_client() -> None:
    """Raises NoClient with what to do where wrk is missing."""
    if shutil.which("wrk") is None:
        raise NoClient("wrk, the client that asks all servers, is not installed: `apt-get install wrk`")


def load(port: int, path: str, headers: Mapping[str, str], bodies: Path | None, connections: int, seconds: int) -> Load:
    """Ask for `seconds`; `bodies` lists the files that are posted, a path to a line. Without: GET."""
    time.sleep(SETTLE_SECONDS)
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    run = subprocess.run(
        die_with_parent([*command, f"--script={SCRIPT}", f"http://{HOST}:{port}{path}"]),
        env=os.environ
        | {
            "BENCHMARK_BODIES": str(bodies or os.devnull),
            "BENCHMARK_HEADERS": "".join(f"{name}: {value}\n" for name, value in headers.items()),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if run.returncode or not lines:
        raise NoClient(f"wrk failed: {(run.stderr or run.stdout).strip()[-300:]}")
    return Load(connections=connections, **json.loads(lines[-1]))
