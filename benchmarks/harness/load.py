"""Closed-loop load on one server, by wrk: each connection sends its next request when a response arrives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.harness.process import HOST, Request
from gateway.die_with_parent import die_with_parent

# Lets the server finish the requests that an earlier load abandoned.
PAUSE_SECONDS: Final = 0.5
SCRIPT: Final = Path(__file__).with_name("load.lua")


class LoadFailed(Exception):
    """wrk is not installed or failed, or the server lost requests that must not be lost."""


@dataclass(frozen=True)
class Load:
    """Result at one number of connections, in seconds; `refused` responses were not 2xx, `broken` ones never came."""

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
        """2xx responses per second."""
        return (self.requests - self.refused) / self.seconds


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise LoadFailed("wrk, the HTTP load generator, is not installed: `apt-get install wrk`")


def apply_load(request: Request, bodies: Path | None, connections: int, seconds: int) -> Load:
    """Load the request's route; `bodies` lists the files to POST, one path per line. None: GET."""
    time.sleep(PAUSE_SECONDS)
    command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=30s"]
    variables = {
        "BENCHMARK_BODIES": str(bodies or os.devnull),
        "BENCHMARK_HEADERS": "".join(f"{name}: {value}\n" for name, value in request.headers.items()),
    }
    run = subprocess.run(
        die_with_parent([*command, f"--script={SCRIPT}", f"http://{HOST}:{request.port}{request.path}"]),
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise LoadFailed(f"wrk failed: {(run.stderr or run.stdout).strip()[-300:]}")
    return parsed(run.stdout, connections)


def parsed(output: str, connections: int) -> Load:
    """The result in wrk's output, whose last JSON line load.lua writes; raises LoadFailed if there is none."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadFailed(f"wrk printed no result: {output.strip()[-300:]}")
    return Load(connections=connections, **json.loads(lines[-1]))
