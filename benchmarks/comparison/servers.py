"""The servers to compare: the peers with torch and with our OpenVINO model; Guichet with and without its gateway."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks.harness.artifacts import Precision
from benchmarks.harness.machine import cores
from benchmarks.harness.process import HOST, ROOT, Command, Request, environment
from services.artifact import read_labels, read_receipt
from services.catalog import Model

# fp16 is computed in bf16 where the CPU can.
Engine = Literal["torch", "fp16", "int8"]
Group = Literal["torch", "openvino", "openvino-decoder", "direct", "gateway", "one-process"]
PEER_BIN: Final = ROOT / ".venv-peers" / "bin"
GROUPS: Final[dict[Group, str]] = {
    "torch": "torch, set up as documented",
    "openvino": "with the same OpenVINO model",
    "openvino-decoder": "with the same OpenVINO model and our decoder",
    "direct": "Guichet",
    "gateway": "Guichet through its gateway",
    "one-process": "Guichet without worker processes",
}
OWN: Final = ("direct", "gateway", "one-process")
KEY: Final = "benchmark"


@dataclass(frozen=True)
class Inputs:
    """What all servers are started with: the model, its torch weights, the folders of artifacts, a scratch folder."""

    model: Model
    weights: Path
    artifacts: Mapping[Precision, Path]
    scratch: Path

    def artifact(self, engine: Engine) -> Path:
        """The model's artifact; torch uses only its labels and preprocessing."""
        return self.artifacts["int8" if engine == "int8" else "fp16"] / self.model.name

    @property
    def labels(self) -> tuple[str, ...]:
        folder = self.artifact("fp16")
        return read_labels(folder, read_receipt(folder))


@dataclass(frozen=True)
class Server:
    """A server to measure; `packages` are what its users install.

    `commands` makes its processes from two ports and the number of connections. The first port gets the requests.
    """

    name: str
    group: Group
    engine: Engine
    commands: Callable[[Inputs, list[int], int], list[Command]]
    packages: tuple[str, ...] = ()
    path: str = "/predict"

    def request(self, inputs: Inputs, port: int, image: bytes) -> Request:
        """A prediction of the image."""
        headers = {"Content-Type": "image/jpeg"} | ({"x-api-key": KEY} if self.group == "gateway" else {})
        return Request(port, self.path.format(model=inputs.model.name), headers, image)


@dataclass(frozen=True)
class Peer:
    """How a peer is started; `{bin}`, `{port}` and `{cores}` are filled in."""

    argv: tuple[str, ...]
    packages: tuple[str, ...]
    path: str = "/predict"
    variables: tuple[tuple[str, str], ...] = ()


PEERS: Final = {
    "flask": Peer(
        ("{bin}/gunicorn", "--workers={cores}", "--threads=4", "--bind=127.0.0.1:{port}", "benchmarks.peers.flask:app"),
        ("flask", "gunicorn"),
    ),
    # https://github.com/emmett-framework/granian: a Rust server for the same application.
    "granian": Peer(
        (
            "{bin}/granian",
            "--interface=wsgi",
            "--workers={cores}",
            "--host=127.0.0.1",
            "--port={port}",
            "benchmarks.peers.flask:app",
        ),
        ("flask", "granian"),
    ),
    "fastapi": Peer(
        ("{bin}/uvicorn", "--workers={cores}", "--port={port}", "--no-access-log", "benchmarks.peers.fastapi:app"),
        ("fastapi", "uvicorn"),
    ),
    "litserve": Peer(("{bin}/python", "-m", "benchmarks.peers.litserve"), ("litserve",)),
    "mosec": Peer(
        ("{bin}/python", "-m", "benchmarks.peers.mosec"),
        ("mosec",),
        path="/inference",
        variables=(("MOSEC_PORT", "{port}"), ("MOSEC_ADDRESS", HOST), ("MOSEC_LOG_LEVEL", "warning")),
    ),
    "bentoml": Peer(
        ("{bin}/bentoml", "serve", "--quiet", f"--host={HOST}", "--port={port}", "benchmarks.peers.bentoml:Classifier"),
        ("bentoml",),
        variables=(("BENTOML_DO_NOT_TRACK", "True"),),
    ),
    "ray": Peer(
        ("{bin}/python", "-m", "benchmarks.peers.ray"), ("ray",), variables=(("RAY_USAGE_STATS_ENABLED", "0"),)
    ),
}
PACKAGES: Final[dict[Group, tuple[str, ...]]] = {
    "torch": ("torch", "torchvision", "efficientnet-lite-pytorch", "pillow"),
    "openvino": ("openvino", "numpy", "pillow"),
    "openvino-decoder": ("openvino", "numpy", "pillow", "simplejpeg", "cykooz-resizer"),
}


def servers() -> list[Server]:
    """All servers, in the order in which they are measured."""
    engines: tuple[Engine, Engine] = ("fp16", "int8")
    return [
        *(_peer(name, "torch", "torch") for name in PEERS),
        *(_peer(name, engine, "openvino") for engine in engines for name in PEERS),
        *(_peer(name, "int8", "openvino-decoder") for name in PEERS),
        *(_service(engine) for engine in engines),
        *(_gateway(engine) for engine in engines),
        _one_process("int8"),
    ]


def service_packages() -> tuple[str, ...]:
    """What the image of a service installs."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    pins = [*groups["server"], *(pin for pin in groups["classifier"] if isinstance(pin, str))]
    return tuple(re.split(r"[\[=]", pin)[0] for pin in pins)


def _peer(name: str, engine: Engine, group: Group) -> Server:
    peer = PEERS[name]

    def commands(inputs: Inputs, ports: list[int], _connections: int) -> list[Command]:
        filled = {"bin": str(PEER_BIN), "port": str(ports[0]), "cores": str(cores())}
        variables = {
            "PORT": str(ports[0]),
            "PYTHONUNBUFFERED": "1",
            "BENCHMARK_ENGINE": group,
            "BENCHMARK_ARTIFACT": str(inputs.artifact(engine)),
            "BENCHMARK_WEIGHTS": str(inputs.weights),
        }
        variables |= {key: value.format(**filled) for key, value in peer.variables}
        return [Command(tuple(part.format(**filled) for part in peer.argv), variables)]

    suffix = f"{engine}-decoder" if group == "openvino-decoder" else engine
    return Server(f"{name}-{suffix}", group, engine, commands, peer.packages + PACKAGES[group], peer.path)


def _service(engine: Engine) -> Server:
    return Server(
        f"guichet-{engine}",
        "direct",
        engine,
        lambda inputs, ports, connections: [_service_command(inputs, engine, ports[0], connections)],
        service_packages(),
    )


def _one_process(engine: Engine) -> Server:
    def commands(inputs: Inputs, ports: list[int], connections: int) -> list[Command]:
        return [_service_command(inputs, engine, ports[0], connections, GUICHET_PROCESSES="0")]

    return Server(f"guichet-{engine}-one-process", "one-process", engine, commands)


def _gateway(engine: Engine) -> Server:
    def commands(inputs: Inputs, ports: list[int], connections: int) -> list[Command]:
        service = _service_command(inputs, engine, ports[1], connections)
        return [service, _gateway_command(inputs, ports[0], ports[1])]

    return Server(f"guichet-{engine}-gateway", "gateway", engine, commands, path="/v1/models/{model}/predict")


def _service_command(inputs: Inputs, engine: Engine, port: int, connections: int, **more: str) -> Command:
    # More connections than the catalog's concurrency would only measure how fast 429s are.
    concurrency = str(max(inputs.model.concurrency, connections))
    variables = {
        **inputs.model.environment,
        "GUICHET_CONCURRENCY": concurrency,
        "HOST": HOST,
        "PORT": str(port),
        **more,
    }
    variables["MODEL_DIR"] = str(inputs.artifact(engine).parent)
    return Command((sys.executable, "-m", "services.classifier"), variables)


def _gateway_command(inputs: Inputs, port: int, service: int) -> Command:
    """The gateway with the product's own document; the directory, which gets no requests, has the service's address."""
    address = f"http://{HOST}:{service}"
    document, keys = inputs.scratch / f"openapi-{port}.json", inputs.scratch / "keys.json"
    render = [sys.executable, "-m", "gateway", "render", f"--address={inputs.model.name}={address}"]
    render += [f"--directory={address}", f"--output={document}"]
    subprocess.run(render, cwd=ROOT, env=environment(), check=True)
    keys.write_text(json.dumps([{"key": KEY, "consumer": "1"}]), encoding="utf-8")
    return Command((sys.executable, "-m", "gateway", "serve", str(document), f"--port={port}", f"--keys={keys}"), {})
