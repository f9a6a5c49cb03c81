"""Fixtures that start the whole product as `make run` does."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from benchmarks.harness.process import ROOT, end_process, environment, free_port, wait_for
from tests.running import ARTIFACTS, DEFAULT_MODELS

KEY = "key&'quoted'"
READY_SECONDS = 60


@dataclass
class Product:
    """A running system: its addresses, its API key and its output."""

    gateway: str
    page: str
    key: str
    process: subprocess.Popen[str]
    output: Path
    state: Path
    models: tuple[str, ...] = DEFAULT_MODELS

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def curl(self) -> list[str]:
        """The printed curl command, as an argument list."""
        (line,) = [line for line in self.printed.splitlines() if line.startswith("curl ")]
        return shlex.split(line)

    def predict(
        self, model: str, image: bytes, session: requests.Session | None = None, **options: str
    ) -> requests.Response:
        return (session or requests.Session()).post(
            f"{self.gateway}/v1/models/{model}/predict",
            data=image,
            params=options,
            headers={"x-api-key": self.key},
            timeout=30,
        )

    def family(self) -> list[psutil.Process]:
        """Every process of the system."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]


def started_product(folder: Path, *options: str, **variables: str) -> Product:
    """Start `python -m deploy local` on free ports, without waiting until it is ready."""
    gateway, page = free_port(), free_port()
    output = folder / "output"
    command = [sys.executable, "-m", "deploy", "local", f"--gateway-port={gateway}", f"--frontend-port={page}"]
    command += [f"--state={folder / 'state'}", f"--artifacts={ARTIFACTS}", *options]
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(COLUMNS="100", API_KEY=KEY, **variables),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    addresses = f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{page}"
    return Product(*addresses, KEY, process, output, folder / "state" / str(gateway))


def wait_until_ready(product: Product) -> None:
    wait_for(
        lambda: "Ctrl-C stops everything" in product.printed or product.process.poll() is not None,
        READY_SECONDS,
        "the product to be ready",
    )
    assert product.process.poll() is None, product.printed


@pytest.fixture(scope="session")
def product(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The system with its default models. Tests share it and must not change it."""
    running = started_product(tmp_path_factory.mktemp("product"))
    try:
        wait_until_ready(running)
        yield running
    finally:
        end_process(running.process)


@pytest.fixture
def own_product(artifacts: Path, tmp_path: Path) -> Iterator[Product]:
    """A system with one model, for a single test, which may kill its processes."""
    running = started_product(tmp_path, "--models=efficientnet-lite0")
    running.models = ("efficientnet-lite0",)
    try:
        wait_until_ready(running)
        yield running
    finally:
        end_process(running.process)


def still_running(processes: list[psutil.Process]) -> list[str]:
    return [
        f"{one.pid} {shlex.join(one.cmdline())}" for one in processes if one.is_running() and one.status() != "zombie"
    ]
