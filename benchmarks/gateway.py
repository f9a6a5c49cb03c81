"""`python -m benchmarks.gateway`: the gateway's own cost, written to benchmarks/results/gateway.json.

`python -m gateway serve` serves a document with 1,000 operations and backends; all backends are one Envoy that responds
`ok` by itself. Measured: seconds until the document is compiled and until the gateway is ready, memory, the latency of
the first and the last operation and of the backend alone, and the requests per second of one Envoy thread.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
import typer

from benchmarks.harness.command import console, run
from benchmarks.harness.load import Load, LoadFailed, apply_load, require_wrk
from benchmarks.harness.machine import Machine
from benchmarks.harness.process import (
    HOST,
    ROOT,
    Command,
    Request,
    cpu_seconds,
    descendants,
    environment,
    free_ports,
    running,
)
from gateway.envoy.envoy_process import envoy_binary

OPERATIONS: Final = 1000
CONNECTIONS: Final = 32
KEY: Final = "benchmark"
RESULTS: Final = ROOT / "benchmarks" / "results" / "gateway.json"


@dataclass(frozen=True)
class Figures:
    """Seconds, MiB, milliseconds, requests per second; `compile` and `ready` include the start of Python."""

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
    ("1,000 operations compile in less than 2 s", lambda f: f.compile_seconds < 2),
    ("the gateway is ready in less than 5 s", lambda f: f.ready_seconds < 5),
    ("Envoy takes less than 300 MiB", lambda f: f.memory_mib < 300),
    ("the last operation is as fast as the first", lambda f: f.last_p50_ms < f.first_p50_ms * 1.1),
    ("the gateway adds less than 0.3 ms", lambda f: f.added_p50_ms < 0.3),
    ("one thread serves more than 8,000 requests/s", lambda f: f.one_thread_rate > 8000),
)


def measure(seconds: int, rounds: int, folder: Path) -> Figures:
    """Compile and serve the document; every load takes `seconds`."""
    backend, port = free_ports(2)
    document, keys = folder / "thousand.json", folder / "keys.json"
    document.write_text(json.dumps(document_of(OPERATIONS)))
    keys.write_text(json.dumps([{"key": KEY, "consumer": "1"}]))
    (folder / "backend.json").write_text(json.dumps(backend_bootstrap(backend)))
    addresses = [f"--backend=http://backend-{i}.test=http://{HOST}:{backend}" for i in range(OPERATIONS)]
    options = f"--port={port}", f"--keys={keys}", "--workers=1", *addresses
    serve = (sys.executable, "-m", "gateway", "serve", str(document), *options)
    backend_command = (str(envoy_binary()), "-c", str(folder / "backend.json"), "--disable-hot-restart")
    direct = _request(backend, "/")
    first, last = (_request(port, f"/v1/a{number:04d}/predict") for number in (0, OPERATIONS - 1))
    with running([Command((*backend_command, "--concurrency", "1"), {})], direct, folder / "backend.log"):
        compile_seconds = statistics.median(_seconds([*serve, "--bootstrap"]) for _ in range(3))
        with running([Command(serve, {})], first, folder / "gateway.log") as ready:
            envoy = _gateway_envoy()
            memory = envoy.memory_info().rss
            latencies = [[_load(one, 1, seconds).p50 * 1e3 for one in (first, last, direct)] for _ in range(rounds)]
            rates = [
                (*_load_with_cpu(envoy, first, seconds), _load(direct, CONNECTIONS, seconds).rate)
                for _ in range(rounds)
            ]
    first_p50, last_p50, direct_p50 = (statistics.median(column) for column in zip(*latencies, strict=True))
    rate, cpu, direct_rate = (statistics.median(column) for column in zip(*rates, strict=True))
    return Figures(
        compile_seconds=compile_seconds,
        ready_seconds=ready,
        memory_mib=memory / 2**20,
        first_p50_ms=first_p50,
        last_p50_ms=last_p50,
        direct_p50_ms=direct_p50,
        gateway_p50_ms=first_p50,
        added_p50_ms=statistics.median(through - alone for through, _, alone in latencies),
        one_thread_rate=rate,
        direct_rate=direct_rate,
        cpu_us_per_request=cpu * 1e6,
    )


def document_of(count: int) -> dict[str, Any]:
    """An OpenAPI document; every second path has a parameter, and every operation its own backend and a key."""
    paths: dict[str, Any] = {}
    for number in range(count):
        parameters = []
        if number % 2 and number < count - 1:
            parameters = [{"in": "path", "name": "id", "type": "string", "required": True}]
        operation = {
            "operationId": f"operation_{number}",
            "parameters": parameters,
            "security": [{"api_key": []}],
            "x-google-backend": {
                "address": f"http://backend-{number}.test/ok",
                "path_translation": "CONSTANT_ADDRESS",
                "disable_auth": True,
            },
            "responses": {"200": {"description": "ok"}},
        }
        paths[f"/v1/a{number:04d}/{'{id}' if parameters else 'predict'}"] = {"get": operation}
    return {
        "swagger": "2.0",
        "info": {"title": "Many operations", "version": "1.0.0"},
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "paths": paths,
    }


def backend_bootstrap(port: int) -> dict[str, Any]:
    """Configuration of an Envoy that responds `ok` to every request."""
    http = "type.googleapis.com/envoy.extensions.filters"
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    connection_manager = {
        "@type": f"{http}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "backend",
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{http}.http.router.v3.Router"}}
        ],
        "route_config": {"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [route]}]},
    }
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connection_manager}
    address = {"socket_address": {"address": HOST, "port_value": port}}
    return {"static_resources": {"listeners": [{"address": address, "filter_chains": [{"filters": [network_filter]}]}]}}


def _request(port: int, path: str) -> Request:
    return Request(port, path, {"x-api-key": KEY}, method="GET")


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _gateway_envoy() -> psutil.Process:
    """The gateway's Envoy, a child of `python -m gateway`."""
    gateways = [process for process in descendants() if "gateway" in process.cmdline()]
    return next(child for gateway in gateways for child in gateway.children() if child.name().startswith("envoy"))


def _load(request: Request, connections: int, seconds: int) -> Load:
    """A load of GETs; raises LoadFailed if any response is not 2xx."""
    load = apply_load(request, None, connections, seconds)
    if load.refused or load.broken:
        raise LoadFailed(f"{load.refused} responses were not 2xx, and {load.broken} never came")
    return load


def _load_with_cpu(process: psutil.Process, request: Request, seconds: int) -> tuple[float, float]:
    """Requests per second, and CPU seconds of the process per request."""
    before = cpu_seconds([process])
    load = _load(request, CONNECTIONS, seconds)
    return load.rate, (cpu_seconds([process]) - before) / load.requests


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Duration of each load.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; the figures are medians.")] = 5,
    output: Annotated[Path, typer.Option(help="The JSON file to write.")] = RESULTS,
) -> None:
    """Measure the gateway's own cost; exit code 1 if a target is missed."""
    require_wrk()
    machine = Machine.here()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(seconds, rounds, Path(folder))
    report = {"machine": asdict(machine), "seconds": seconds, "rounds": rounds, **asdict(figures)}
    output.write_text(json.dumps(report, indent=2) + "\n")
    for name, value in asdict(figures).items():
        console.print(f"{name:<18}{value:10.3f}")
    for text, is_met in TARGETS:
        console.print(f"{'met' if is_met(figures) else 'MISSED':<8}{text}")
    if not all(is_met(figures) for _, is_met in TARGETS):
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
