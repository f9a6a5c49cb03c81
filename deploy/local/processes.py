"""The processes of the local system, as command lines and environments."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import HOST
from services.catalog import Model

# The processes inherit these variables only, and no proxies or credentials.
INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "TZ", "USER")

DEFAULT_KEY = "local"


@dataclass(frozen=True)
class LocalProcess:
    """A process: its command, its environment, and the URL that returns 200 once it is ready."""

    name: str
    command: tuple[str, ...]
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run: logs, documents and keys."""

    path: Path

    def create(self) -> None:
        """Make the folder, for this user only, and remove what an earlier run left in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        for file in self.path.iterdir():
            if file.is_file():
                file.unlink()
        shutil.rmtree(self.samples, ignore_errors=True)

    @property
    def document(self) -> Path:
        """The gateway's document."""
        return self.path / "openapi.json"

    @property
    def published_document(self) -> Path:
        """The document that the directory serves."""
        return self.path / "public-openapi.json"

    @property
    def keys(self) -> Path:
        """The gateway's keys."""
        return self.path / "keys.yaml"

    @property
    def api_key(self) -> Path:
        """The page's key."""
        return self.path / "api-key"

    @property
    def samples(self) -> Path:
        """The sample images of the page."""
        return self.path / "samples"

    def log(self, process: str) -> Path:
        """The output of a process."""
        return self.path / f"{process}.log"


def loopback_url(port: int, host: str = HOST) -> str:
    """The base URL of a port, by a name of this machine."""
    return f"http://{host}:{port}"


def secret_host() -> str:
    """A name of this machine that only one run's gateway and services know."""
    return f"{secrets.token_hex(16)}.localhost"


def model_service(model: Model, port: int, host: str, artifacts: Path) -> LocalProcess:
    """The service of one model, which answers requests to `host` only."""
    return LocalProcess(
        model.name,
        (sys.executable, "-m", "services.classifier"),
        f"{loopback_url(port)}/ready",
        {
            **model.environment,
            "MODEL_DIR": str(artifacts),
            "HOST": HOST,
            "PORT": str(port),
            "GUICHET_ONLY_HOST": host,
        },
    )


def directory_service(port: int, host: str, folder: RunFolder) -> LocalProcess:
    """The service that lists the models, which answers requests to `host` only."""
    return LocalProcess(
        "directory",
        (sys.executable, "-m", "services.directory"),
        f"{loopback_url(port)}/ready",
        {
            "GUICHET_DOCUMENT": str(folder.published_document),
            "HOST": HOST,
            "PORT": str(port),
            "GUICHET_ONLY_HOST": host,
        },
    )


def gateway(port: int, folder: RunFolder) -> LocalProcess:
    """Envoy, configured from the same document as Google's gateway."""
    return LocalProcess(
        "gateway",
        (sys.executable, "-m", "gateway", "serve", str(folder.document), f"--port={port}", f"--keys={folder.keys}"),
        # 200 once the gateway and the directory behind it are ready.
        f"{loopback_url(port)}/v1/openapi.json",
    )


def page(port: int, gateway_port: int, folder: RunFolder, api_key: str) -> LocalProcess:
    """The Streamlit page; its examples show the key unless the user has chosen it."""
    return LocalProcess(
        "page",
        (sys.executable, "-m", "frontend"),
        f"{loopback_url(port)}/_stcore/health",
        {
            "API_GATEWAY": loopback_url(gateway_port),
            "API_KEY_FILE": str(folder.api_key),
            **({"SHOWN_API_KEY": api_key} if api_key == DEFAULT_KEY else {}),
            "HOST": HOST,
            "PORT": str(port),
            "SAMPLES": str(folder.samples) if folder.samples.is_dir() else "none",
        },
    )


def whole_environment(process: LocalProcess, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: the inherited variables and its own."""
    return {name: inherited[name] for name in INHERITED if name in inherited} | dict(process.environment)
