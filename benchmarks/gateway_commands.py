"""`python -m benchmarks.gateway_commands`: how long the gateway's commands take from an installed wheel.

The wheel is installed into an empty environment. Measured: `check` of a small document, the processor time of `check`
for 1,500 operations, and the time until `serve` is ready. Prints medians; exit code 1 if a target is missed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer

from benchmarks.gateway import document_of
from benchmarks.harness.command import console, run
from benchmarks.harness.gateway_installation import Installation, install
from benchmarks.harness.process import end_process, environment, free_port

OPERATIONS: Final = 1500


def check_seconds(installed: Installation, document: Path) -> float:
    began = time.perf_counter()
    _check(installed, document)
    return time.perf_counter() - began


def check_cpu_seconds(installed: Installation, document: Path) -> float:
    before = psutil.Process().cpu_times()
    _check(installed, document)
    after = psutil.Process().cpu_times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def ready_seconds(installed: Installation, document: Path) -> float:
    """From the start of the process to its line `gateway ready`."""
    command = [installed.command, "serve", str(document), f"--port={free_port()}"]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=document.parent, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        took = time.perf_counter() - began
    finally:
        end_process(process)
    assert line.startswith("gateway ready"), line
    return took


def _check(installed: Installation, document: Path) -> None:
    command = [installed.command, "check", str(document)]
    subprocess.run(command, cwd=document.parent, env=environment(), capture_output=True, check=True)


def main(rounds: Annotated[int, typer.Option(min=1, help="Rounds; the figures are medians.")] = 7) -> None:
    """Measure the gateway's commands; exit code 1 if a target is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        installed = install(folder)
        small, large = folder / "small.json", folder / "large.json"
        small.write_text(json.dumps(document_of(2)))
        large.write_text(json.dumps(document_of(OPERATIONS), indent=1))
        figures: list[tuple[str, float, Callable[[], float]]] = [
            ("check, a small document", 0.6, lambda: check_seconds(installed, small)),
            (f"check, {OPERATIONS:,} operations, processor", 3, lambda: check_cpu_seconds(installed, large)),
            ("serve, a small document, until ready", 0.7, lambda: ready_seconds(installed, small)),
        ]
        missed = False
        for text, target, measure in figures:
            measure()  # fills the file cache, and Python's
            found = statistics.median(measure() for _ in range(rounds))
            missed |= found > target
            console.print(f"{text:<42}{found:7.3f} s{'   MISSED' if found > target else ''}, at most {target} s")
    if missed:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
