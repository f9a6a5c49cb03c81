"""Who is measured: the peers in three ways, the services direct and through the gateway, and the limit without HTTP."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks.processes import HOST, ROOT, Command
from gateway.product.document import openapi_document
from services.artifact import read_labels, read_receipt
from services.catalog import Model
from services.classifier.settings import available_cpus

# torch itself, or an artifact by its precision; fp16 is computed in bf16 where the processor can.
Engine = Literal["torch", "fp16", "int8"]
Group = Literal["torch", "given", "given-decoder", "direct", "gateway", "variant"]
PEER_BIN: Final = ROOT / ".venv-peers" / "bin"
KEY: Final = "benchmark"


@dataclass(frozen=True)
class Material:
    """What the candidates are made from: the model, its weights for torch, a folder of artifacts by precision."""

    model: Model
    weights: Path
    artifacts: Mapping[str, Path]
    scratch: Path

    def artifact(self, engine: Engine) -> Path:
        """The model's artifact; torch takes only its labels and preprocessing from there."""
        return self.artifacts["int8" if engine == "int8" else "fp16"] / self.model.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the model's outputs."""
        folder = self.artifact("fp16")
        return read_labels(folder, read_receipt(folder))


@dataclass(frozen=True)
class Candidate:
    """A server that answers photos.

    `commands` makes its processes from ports, of which it wants `ports`, the first one being asked, and the number of
    connections that will come; `path` and `key` say how it is asked. `group` says what it is compared with, `packages`
    what has to be installed for it.
    """

    name: str
    group: Group
    engine: Engine
    commands: Callable[[Material, list[int], int], list[Command]]
    packages: tuple[str, ...] = ()
    ports: int = 1
    path: str = "/predict"
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What every request bears."""
        return {"Content-Type": "image/jpeg"} | ({"x-api-key": self.key} if self.key else {})


@dataclass(frozen=True)
class Peer:
    """How a peer is started, and the packages that its users install.

    `{bin}`, `{port}` and `{cores}` stand for what differs from machine to machine and from run to run.
    """

    argv: tuple[str, ...]
    packages: tuple[str, ...]
    path: str = "/predict"
    variables: Mapping[str, str] | None = None


PEERS: Final = {
    "flask": Peer(
        ("{bin}/gunicorn", "--workers={cores}", "--threads=4", "--bind=127.0.0.1:{port}", "benchmarks.peers.flask:app"),
        ("flask", "gunicorn"),
    ),
    "fastapi": Peer(
        (
            "{bin}/uvicorn",
            "--workers={cores}",
            "--host=127.0.0.1",
            "--port={port}",
            "--no-access-log",
            "benchmarks.peers.fastapi:app",
        ),
        ("fastapi", "uvicorn"),
    ),
    "litserve": Peer(("{bin}/python", "-m", "benchmarks.peers.litserve"), ("litserve",)),
    "mosec": Peer(
        ("{bin}/python", "-m", "benchmarks.peers.mosec"),
        ("mosec",),
        path="/inference",
        variables={"MOSEC_PORT": "{port}", "MOSEC_ADDRESS": HOST, "MOSEC_LOG_LEVEL": "warning"},
    ),
    "bentoml": Peer(
        (
            "{bin}/bentoml",
            "serve",
            "--quiet",
            "--host=127.0.0.1",
            "--port={port}",
            "benchmarks.peers.bentoml:Classifier",
        ),
        ("bentoml",),
        variables={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    "ray": Peer(("{bin}/python", "-m", "benchmarks.peers.ray"), ("ray",), variables={"RAY_USAGE_STATS_ENABLED": "0"}),
}
# What the work itself takes, beside the peer.
PACKAGES: Final[dict[Group, tuple[str, ...]]] = {
    "torch": ("torch", "torchvision", "efficientnet-lite-pytorch", "pillow"),
    "given": ("openvino", "numpy", "pillow"),
    "given-decoder": ("openvino", "numpy", "pillow", "simplejpeg", "cykooz-resizer"),
}
WAYS: Final[dict[Group, str]] = {"torch": "torch", "given": "openvino", "given-decoder": "openvino-decoder"}


def candidates() -> list[Candidate]:
    """Everyone, in the order in which they are measured."""
    engines: tuple[Engine, Engine] = ("fp16", "int8")
    return [
        *(_peer(name, "torch", "torch") for name in PEERS),
        *(_peer(name, engine, "given") for engine in engines for name in PEERS),
        *(_peer(name, "int8", "given-decoder") for name in PEERS),
        *(_service(engine) for engine in engines),
        *(_gateway(engine) for engine in engines),
        _service("int8", {"GUICHET_PROCESSES": "0"}, "one-process"),
    ]


def _peer(name: str, engine: Engine, group: Group) -> Candidate:
    peer = PEERS[name]

    def commands(material: Material, ports: list[int], _connections: int) -> list[Command]:
        filled = {"bin": str(PEER_BIN), "port": str(ports[0]), "cores": str(available_cpus())}
        variables = {
            "PORT": str(ports[0]),
            "PYTHONUNBUFFERED": "1",
            "BENCHMARK_ENGINE": WAYS[group],
            "BENCHMARK_ARTIFACT": str(material.artifact(engine)),
            "BENCHMARK_WEIGHTS": str(material.weights),
        }
        own = {key: value.format(**filled) for key, value in (peer.variables or {}).items()}
        return [Command(tuple(part.format(**filled) for part in peer.argv), variables | own)]

    suffix = f"{engine}-decoder" if group == "given-decoder" else engine
    return Candidate(f"{name}-{suffix}", group, engine, commands, peer.packages + PACKAGES[group], path=peer.path)


def _service(engine: Engine, more: Mapping[str, str] | None = None, variant: str = "") -> Candidate:
    def commands(material: Material, ports: list[int], connections: int) -> list[Command]:
        return [_service_command(material, engine, ports[0], connections, more or {})]

    if variant:
        return Candidate(f"guichet-{engine}-{variant}", "variant", engine, commands)
    return Candidate(f"guichet-{engine}", "direct", engine, commands, _own_packages())


def _own_packages() -> tuple[str, ...]:
    """What the image of a service installs."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return tuple(pin.partition("==")[0] for pin in groups["classifier"])


def _gateway(engine: Engine) -> Candidate:
    def commands(material: Material, ports: list[int], connections: int) -> list[Command]:
        return [
            _service_command(material, engine, ports[1], connections, {}),
            _gateway_command(material, ports[0], ports[1]),
        ]

    return Candidate(
        f"guichet-{engine}-gateway",
        "gateway",
        engine,
        commands,
        ports=2,
        path="/v1/models/{model}/predict",
        key=KEY,
    )


def _service_command(
    material: Material, engine: Engine, port: int, connections: int, more: Mapping[str, str]
) -> Command:
    model = material.model
    # Beyond what the catalog lets in at once, the service would refuse, which is right and measures nothing.
    room = str(max(model.concurrency, connections))
    variables = {**model.environment, "GUICHET_CONCURRENCY": room, "HOST": HOST, "PORT": str(port), **more}
    variables["MODEL_DIR"] = str(material.artifact(engine).parent)
    return Command((sys.executable, "-m", "services.classifier"), variables)


def _gateway_command(material: Material, port: int, service: int) -> Command:
    """The gateway on the product's own document; nobody asks the directory, which has the service's address."""
    address = f"http://{HOST}:{service}"
    document, keys = material.scratch / f"openapi-{port}.json", material.scratch / "keys.json"
    rendered = openapi_document([material.model], {material.model.name: address}, address)
    document.write_text(json.dumps(rendered), encoding="utf-8")
    keys.write_text(json.dumps([{"key": KEY, "consumer": "1"}]), encoding="utf-8")
    argv = (sys.executable, "-m", "gateway", "serve", str(document), f"--port={port}", f"--keys={keys}")
    return Command(argv, {})
