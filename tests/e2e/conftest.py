"""Fixtures that start the whole product as `make run` does, or its gateway as the manifests for Kubernetes do."""

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
from tests.e2e.rendered_gateway import rendered_gateway
from tests.running import ARTIFACTS, DEFAULT_MODELS, Service, StartService

KEY = "key&'quoted'"
READY_SECONDS = 60
# For tests that use the gateway and nothing else of the product.
EVERY_GATEWAY = pytest.mark.parametrize(
    "product", ["started_by_make_run", "rendered_for_kubernetes"], indirect=True, scope="session"
)


@dataclass(kw_only=True)
class Api:
    """A gateway with models behind it."""

    gateway: str
    key: str = KEY
    models: tuple[str, ...] = DEFAULT_MODELS

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


@dataclass(kw_only=True)
class Product(Api):
    """What `make run` has started, and its output."""

    page: str
    process: subprocess.Popen[str]
    output: Path
    state: Path

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    @property
    def curl(self) -> list[str]:
        """The printed curl command, as an argument list."""
        (line,) = [line for line in self.printed.splitlines() if line.startswith("curl ")]
        return shlex.split(line)

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
    return Product(
        gateway=f"http://127.0.0.1:{gateway}",
        page=f"http://127.0.0.1:{page}",
        process=process,
        output=output,
        state=folder / "state" / str(gateway),
    )


def wait_until_ready(product: Product) -> None:
    wait_for(
        lambda: "Ctrl-C stops everything" in product.printed or product.process.poll() is not None,
        READY_SECONDS,
        "the product to be ready",
    )
    assert product.process.poll() is None, product.printed


@pytest.fixture(scope="session")
def product(request: pytest.FixtureRequest) -> Api:
    """A system with the default models, by default `make run`'s; see EVERY_GATEWAY. Tests must not change it."""
    found: Api = request.getfixturevalue(getattr(request, "param", "started_by_make_run"))
    return found


@pytest.fixture(scope="session")
def started_by_make_run(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    running = started_product(tmp_path_factory.mktemp("product"))
    try:
        wait_until_ready(running)
        yield running
    finally:
        end_process(running.process)


@pytest.fixture(scope="session")
def rendered_for_kubernetes(
    start_service: StartService, lite0: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The gateway of the manifests for Kubernetes, in front of services that run on this machine."""
    first, *others = DEFAULT_MODELS
    services = {first: lite0} | {name: start_service(MODEL_NAME=name) for name in others}
    with rendered_gateway(services, start_service, KEY, tmp_path_factory.mktemp("gateway")) as url:
        yield Api(gateway=url)


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
