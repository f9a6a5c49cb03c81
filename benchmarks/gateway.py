"""`python -m benchmarks.gateway`: what the gateway itself costs.

Measured on this machine, in pairs that take turns, and written to benchmarks/results/gateway.json:

* a document with 1,000 operations over 1,000 backends: how long it takes to compile, until Envoy is ready, what memory
  that takes, and whether the thousandth operation is found as fast as the first;
* what the gateway adds to a request with an API key, at the median, against asking the backend itself;
* how many requests per second one thread of Envoy carries.

The backend is trivial: another Envoy that answers each request itself. The client is wrk.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import yaml

from benchmarks.load import Load, NoClient, load, require_client
from benchmarks.machine import Machine
from benchmarks.processes import HOST
from benchmarks.shell import run
from gateway.api import Api, Origin, build_api, origin
from gateway.api_keys import Key
from gateway.check import check_document
from gateway.die_with_parent import die_with_parent
from gateway.envoy.bootstrap import resources
from gateway.envoy.envoy_process import LOGGING, Envoy, envoy_binary
from gateway.envoy.messages import ROUTER, named, typed
from gateway.runtime import Runtime
from tests.running import answers, free_port, wait_for

OPERATIONS = 1000
MANY = 32
KEY = {"x-api-key": "benchmark"}
RESULTS = Path(__file__).with_name("results") / "gateway.json"


@dataclass(frozen=True)
class Figures:
    """What came of it; seconds, MiB, milliseconds and requests per second."""

    compile_seconds: float
    ready_seconds: float
    memory_mib: float
    first_p50_ms: float
    last_p50_ms: float
    direct_p50_ms: float
    gateway_p50_ms: float
    added_p50_ms: float
    one_thread_rate: float
    direct_rate: float
    cpu_us_per_request: float


TARGETS: tuple[tuple[str, Callable[[Figures], bool]], ...] = (
    ("1,000 operations compile within 2 s", lambda f: f.compile_seconds < 2),
    ("… and Envoy is ready within 3 s more", lambda f: f.ready_seconds < 3),
    ("… in less than 300 MiB", lambda f: f.memory_mib < 300),
    ("… and finds the last as fast as the first", lambda f: f.last_p50_ms < f.first_p50_ms * 1.1),
    ("the gateway adds less than 0.3 ms", lambda f: f.added_p50_ms < 0.3),
    ("one thread carries more than 8,000/s", lambda f: f.one_thread_rate > 8000),
)


def main(
    seconds: Annotated[int, typer.Option(min=1, help="How long each measurement takes.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="How many pairs are measured.")] = 5,
    output: Annotated[Path, typer.Option(help="The figures, as JSON.")] = RESULTS,
) -> None:
    """Measure what the gateway itself costs; exit code 1 if a target is missed."""
    try:
        require_client()
        machine = Machine.here()
        figures = measured(seconds, rounds)
    except NoClient as err:
        print(err, file=sys.stderr)
        raise typer.Exit(1) from err
    report = {"machine": asdict(machine), "seconds": seconds, "rounds": rounds, **asdict(figures)}
    output.write_text(json.dumps(report, indent=2) + "\n")
    for name, value in asdict(figures).items():
        print(f"{name:<18}{value:10.3f}")
    for text, is_met in TARGETS:
        print(f"{'yes' if is_met(figures) else 'NO ':<5}{text}")
    if not all(is_met(figures) for _, is_met in TARGETS):
        raise typer.Exit(1)


def measured(seconds: int, rounds: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder, trivial_backend(Path(folder)) as backend:
        path = Path(folder) / "thousand.yaml"
        path.write_text(yaml.safe_dump(thousand_operations(), sort_keys=False))
        backend_overrides = {
            origin(f"http://backend-{i}.test"): origin(f"http://{HOST}:{backend}") for i in range(OPERATIONS)
        }
        compiles = [compiled(path, backend_overrides) for _ in range(3)]
        api, runtime, _ = compiles[0]
        began = time.perf_counter()
        with quiet(), Envoy(envoy_binary(), api, runtime, workers=1) as envoy:
            envoy.start()
            ready = time.perf_counter() - began
            first, last = "/v1/a0000/predict", f"/v1/a{OPERATIONS - 1:04d}/predict"
            process = next(
                child
                for child in psutil.Process().children(recursive=True)
                if str(envoy.folder) in " ".join(child.cmdline())
            )
            memory = process.memory_info().rss
            pairs = [
                (
                    asked(runtime.port, first, 1, seconds),
                    asked(runtime.port, last, 1, seconds),
                    asked(backend, "/", 1, seconds),
                )
                for _ in range(rounds)
            ]
            loads = [
                (with_cpu(process, runtime.port, first, seconds), asked(backend, "/", MANY, seconds))
                for _ in range(rounds)
            ]
    return Figures(
        compile_seconds=statistics.median(seconds for *_, seconds in compiles),
        ready_seconds=ready,
        memory_mib=memory / 2**20,
        first_p50_ms=statistics.median(first.p50 * 1e3 for first, _, _ in pairs),
        last_p50_ms=statistics.median(last.p50 * 1e3 for _, last, _ in pairs),
        direct_p50_ms=statistics.median(direct.p50 * 1e3 for _, _, direct in pairs),
        gateway_p50_ms=statistics.median(first.p50 * 1e3 for first, _, _ in pairs),
        added_p50_ms=statistics.median((first.p50 - direct.p50) * 1e3 for first, _, direct in pairs),
        one_thread_rate=statistics.median(through.rate for (through, _), _ in loads),
        direct_rate=statistics.median(direct.rate for _, direct in loads),
        cpu_us_per_request=statistics.median(cpu for (_, cpu), _ in loads) * 1e6,
    )


def compiled(path: Path, backend_overrides: dict[Origin, Origin]) -> tuple[Api, Runtime, float]:
    """Read, check and compile the document, and how many seconds that took."""
    began = time.perf_counter()
    found = check_document(path)
    assert not found.diagnostics
    api = build_api(found.document.data)
    runtime = Runtime(free_port(), (Key(KEY["x-api-key"], "1"),), backend_overrides=backend_overrides)
    made = resources(api, runtime)
    json.dumps([made.listener, made.routes, made.clusters])
    return api, runtime, time.perf_counter() - began


def thousand_operations() -> dict[str, Any]:
    """Every second path has a parameter; every operation its own backend, and a key."""
    paths = {}
    for i in range(OPERATIONS):
        name = f"/v1/a{i:04d}/" + ("{id}" if i % 2 and i < OPERATIONS - 1 else "predict")
        paths[name] = {
            "get": {
                "operationId": f"operation_{i}",
                **(
                    {"parameters": [{"in": "path", "name": "id", "type": "string", "required": True}]}
                    if "{" in name
                    else {}
                ),
                "security": [{"api_key": []}],
                "x-google-backend": {
                    "address": f"http://backend-{i}.test/answer",
                    "path_translation": "CONSTANT_ADDRESS",
                    "disable_auth": True,
                },
                "responses": {"200": {"description": "ok"}},
            }
        }
    scheme = {"type": "apiKey", "name": "x-api-key", "in": "header"}
    return {
        "swagger": "2.0",
        "info": {"title": "A thousand operations", "version": "1.0.0"},
        "securityDefinitions": {"api_key": scheme},
        "paths": paths,
    }


@contextmanager
def trivial_backend(folder: Path) -> Iterator[int]:
    """The port of an Envoy with one thread that answers `ok` to everything."""
    port = free_port()
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="backend",
        http_filters=[named(ROUTER, typed("extensions.filters.http.router.v3.Router"))],
        route_config={"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [answer]}]},
    )
    listener = {
        "address": {"socket_address": {"address": HOST, "port_value": port}},
        "filter_chains": [{"filters": [named("envoy.filters.network.http_connection_manager", manager)]}],
    }
    config = folder / "backend.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    argv = [str(envoy_binary()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", *LOGGING]
    process = subprocess.Popen(die_with_parent(argv), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(f"http://{HOST}:{port}"), 10, "the backend")
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def quiet() -> Iterator[None]:
    """The access log is written, as it always is, but nobody reads it."""
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def with_cpu(process: psutil.Process, port: int, path: str, seconds: int) -> tuple[Load, float]:
    """A load on the gateway, and the seconds of processor time that it spent on each request."""
    before = process.cpu_times()
    found = asked(port, path, MANY, seconds)
    after = process.cpu_times()
    return found, (after.user + after.system - before.user - before.system) / found.requests


def asked(port: int, path: str, connections: int, seconds: int) -> Load:
    """A load of GETs that are all answered, and with 200."""
    found = load(port, path, KEY, None, connections, seconds)
    if found.refused or found.broken:
        raise NoClient(f"{found.refused} answers were not 200, and {found.broken} never came")
    return found


if __name__ == "__main__":
    run(main)
