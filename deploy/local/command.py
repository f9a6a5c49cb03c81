"""`python -m deploy local`: export what is missing, start everything, stay until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local import processes
from deploy.local.processes import HOST, Folder, Process, address
from deploy.local.screen import Screen
from deploy.local.supervisor import TICK_SECONDS, Supervisor
from deploy.served import served
from gateway.die_with_parent import die_with_parent
from gateway.product.document import openapi_document
from services.catalog import DEFAULT_PATH, Catalog, CatalogError, Model, load_catalog

CONSUMER = "1"


class Stop(Exception):
    """SIGINT or SIGTERM arrived."""


def local(
    models: Annotated[
        str, typer.Option(envvar="MODELS", help="Names of models; default: those that are on PyPI.")
    ] = "",
    gateway_port: Annotated[
        int, typer.Option(envvar="GATEWAY_PORT", min=1, max=65535, help="The gateway's port.")
    ] = 8080,
    frontend_port: Annotated[
        int, typer.Option(envvar="FRONTEND_PORT", min=1, max=65535, help="The page's port.")
    ] = 8501,
    api_key: Annotated[str, typer.Option(envvar="API_KEY", help="The key that callers send.")] = "local",
    catalog_path: Annotated[Path, typer.Option("--catalog", envvar="CATALOG", help="The catalog.")] = DEFAULT_PATH,
    artifacts: Annotated[Path, typer.Option(help="Where the exported models are kept.")] = Path(".models"),
    state: Annotated[Path, typer.Option(help="Where logs and the rendered document go.")] = Path(".run"),
) -> None:
    """Run everything on this machine: a service per model, the directory, Envoy and the page."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with _told_to_stop():
            _run(console, models, gateway_port, frontend_port, api_key, catalog_path, artifacts, state)
    except CatalogError as err:
        console.print(str(err), style="red", markup=False)
        raise typer.Exit(1) from err
    except Stop:
        console.print("Stopped.", style="dim")


def _run(
    console: Console,
    names: str,
    gateway_port: int,
    frontend_port: int,
    api_key: str,
    catalog_path: Path,
    artifacts: Path,
    state: Path,
) -> None:
    catalog = load_catalog(catalog_path)
    wanted = catalog.select(names.replace(",", " ").split()) or catalog.default
    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
        _fail(console, "API_KEY: should be one line of printable ASCII characters")
    with ExitStack() as held:
        for name, port in (("GATEWAY_PORT", gateway_port), ("FRONTEND_PORT", frontend_port)):
            _require_free(console, name, port)
        models = _exported(console, catalog, wanted, artifacts)
        folder = Folder((state / str(gateway_port)).resolve())
        ports = _free_ports(len(models) + 1)
        started = _prepared(catalog, models, ports, folder, artifacts.resolve(), gateway_port, frontend_port, api_key)
        screen = Screen(console)
        supervisor = Supervisor(started, folder, screen.show)
        held.callback(_stop, supervisor, screen)
        screen.open([process.name for process in started])
        while not supervisor.all_ready and not any(one.deaths for one in supervisor.watched):
            supervisor.tick()
            time.sleep(TICK_SECONDS)
        screen.close()
        screen.welcome(models, gateway_port, frontend_port, api_key)
        while True:
            supervisor.tick()
            time.sleep(TICK_SECONDS)


def _exported(console: Console, catalog: Catalog, models: list[Model], artifacts: Path) -> list[Model]:
    """The models that have an artifact after the export; for the others the export has said why not."""
    command = [sys.executable, "-m", "services.export", f"--output={artifacts}", f"--catalog={catalog.path}"]
    run = subprocess.run(die_with_parent(command + [model.name for model in models]), check=False)
    if run.returncode == 0:
        return models
    there = [model for model in models if (artifacts / model.name / "receipt.json").is_file()]
    if not there:
        _fail(console, "No model could be exported, so there is nothing to serve.")
    left_out = ", ".join(model.name for model in models if model not in there)
    if left_out:
        console.print(f"Going on without {left_out}.", style="yellow")
    return there


def _prepared(
    catalog: Catalog,
    models: list[Model],
    ports: list[int],
    folder: Folder,
    artifacts: Path,
    gateway_port: int,
    frontend_port: int,
    api_key: str,
) -> list[Process]:
    """Write what the processes read, and list them."""
    addresses = {model.name: address(port) for model, port in zip(models, ports, strict=False)}
    document = openapi_document(models, addresses, address(ports[-1]))
    folder.path.mkdir(parents=True, exist_ok=True)
    for log in folder.path.glob("*.log"):
        log.unlink()
    folder.document.write_text(json.dumps(document, indent=2), encoding="utf-8")
    folder.public_document.write_text(served(catalog, models, document), encoding="utf-8")
    # JSON is YAML, and quotes whatever the key holds.
    folder.keys.write_text(json.dumps([{"key": api_key, "consumer": CONSUMER}]), encoding="utf-8")
    folder.api_key.write_text(api_key + "\n", encoding="utf-8")
    return [
        *(processes.model_service(model, port, artifacts) for model, port in zip(models, ports, strict=False)),
        processes.directory_service(ports[-1], folder),
        processes.gateway(gateway_port, folder),
        processes.page(frontend_port, gateway_port, folder, api_key),
    ]


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def _require_free(console: Console, name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as err:
            _fail(console, f"{name}: cannot listen on {HOST}:{port}: {err.strerror}; choose another: make run {name}=…")


def _stop(supervisor: Supervisor, screen: Screen) -> None:
    screen.close()
    # A second Ctrl-C must not leave half of them running.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    screen.console.print("Stopping …", style="dim")
    supervisor.stop()


def _fail(console: Console, sentence: str) -> None:
    console.print(sentence, style="red", markup=False)
    raise typer.Exit(1)


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM raise Stop."""

    def stop(_number: int, _frame: object) -> None:
        raise Stop

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
