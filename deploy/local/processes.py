"""Which processes make up the local system: command lines and environments, as data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.catalog import Model

HOST = "127.0.0.1"
# Bound by the variables of this machine alone: proxies and credentials are none of the services' business.
INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "TZ", "USER")


@dataclass(frozen=True)
class Process:
    """One process: how it is started, and the address that answers 200 once it is ready."""

    name: str
    command: tuple[str, ...]
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Folder:
    """Where one local system keeps what it writes: logs, the document, the keys."""

    path: Path

    @property
    def document(self) -> Path:
        """What the gateway runs on."""
        return self.path / "openapi.json"

    @property
    def public_document(self) -> Path:
        """What the directory shows, the list of the models in it."""
        return self.path / "public-openapi.json"

    @property
    def keys(self) -> Path:
        """The gateway's keys."""
        return self.path / "keys.yaml"

    @property
    def api_key(self) -> Path:
        """The page's key."""
        return self.path / "api-key"

    def log(self, process: str) -> Path:
        """Everything a process prints."""
        return self.path / f"{process}.log"


def address(port: int) -> str:
    """A port of this machine as a root URL."""
    return f"http://{HOST}:{port}"


def model_service(model: Model, port: int, artifacts: Path) -> Process:
    """The service of one model."""
    return Process(
        model.name,
        (sys.executable, "-m", "services.classifier"),
        f"{address(port)}/ready",
        {**model.environment, "MODEL_DIR": str(artifacts), "HOST": HOST, "PORT": str(port)},
    )


def directory_service(port: int, folder: Folder) -> Process:
    """The service that lists the models."""
    return Process(
        "directory",
        (sys.executable, "-m", "services.directory"),
        f"{address(port)}/ready",
        {"GUICHET_DOCUMENT": str(folder.public_document), "HOST": HOST, "PORT": str(port)},
    )


def gateway(port: int, folder: Folder) -> Process:
    """Envoy, on the very document that Google's gateway would get."""
    return Process(
        "gateway",
        (sys.executable, "-m", "gateway", "serve", str(folder.document), f"--port={port}", f"--keys={folder.keys}"),
        # Ready when it routes; the directory behind it may still be starting.
        f"{address(port)}/v1/openapi.json",
    )


def page(port: int, gateway_port: int, folder: Folder, api_key: str) -> Process:
    """The Streamlit page; its examples show the local key, which is no secret."""
    return Process(
        "page",
        (sys.executable, "-m", "frontend"),
        f"{address(port)}/_stcore/health",
        {
            "API_GATEWAY": address(gateway_port),
            "API_KEY_FILE": str(folder.api_key),
            "SHOWN_API_KEY": api_key,
            "HOST": HOST,
            "PORT": str(port),
        },
    )


def whole_environment(process: Process, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: what the machine needs, and its own variables."""
    return {name: inherited[name] for name in INHERITED if name in inherited} | dict(process.environment)
