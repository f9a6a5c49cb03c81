"""Runs the real gcloud and the real command line against the fake cloud."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.process import ROOT
from tests.deploy.deployment_fixture import DEFAULTS, ENTRY
from tests.deploy.fake_google_cloud.server import serving
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud

APIS = (
    "apigateway apikeys artifactregistry cloudbilling cloudbuild cloudresourcemanager iam run secretmanager"
    " serviceusage storage"
)
PARTS = ("cloudbuild", "deploy", "frontend", "gateway", "services")
COMMAND_SECONDS = 300


@contextmanager
def empty_project(tls: Path) -> Iterator[Cloud]:
    """A fake cloud of its own; an unknown request fails the test."""
    cloud = Cloud()
    with serving(cloud, tls):
        yield cloud
    assert not cloud.unknown


def gcloud_environment(cloud: Cloud, tls: Path, config: Path) -> dict[str, str]:
    """An environment in which the real gcloud reaches the fake cloud and nothing else."""
    host, _, port = cloud.address.partition(":")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK_", "GOOGLE_"))}
    return {
        **kept,
        "CLOUDSDK_CONFIG": str(config),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        # Cloud Run's regional endpoints cannot be overridden: these requests go through the proxy.
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": host,
        "CLOUDSDK_PROXY_PORT": port,
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(tls / "cert.pem"),
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"http://{cloud.address}/" for api in APIS.split()},
    }


@dataclass
class Checkout:
    """A copy of the repository with a small catalog, and the environment in which its commands run."""

    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @classmethod
    def make(cls, folder: Path, environment: dict[str, str], *models: str) -> Checkout:
        """Copies the repository's sources to `folder`."""
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in (".gcloudignore", ".dockerignore", "deliverables.yaml"):
            if (ROOT / file).exists():
                shutil.copy(ROOT / file, folder / file)
        checkout = cls(folder, {**environment, "PROOF_PATIENCE": "2"})
        checkout.write_catalog(*models)
        return checkout

    @property
    def record(self) -> Path:
        return self.folder / "deliverables.yaml"

    def write_catalog(self, *models: str) -> None:
        """Writes a catalog of models with these names."""
        entries = "".join(ENTRY.format(name=name, sha256="a" * 64) for name in models)
        (self.folder / "services/models.yaml").write_text(DEFAULTS + entries, encoding="utf-8")

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """`python -m deploy WORDS`, in a process group of its own."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy", *words],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self.process

    def deploy(self, *words: str, **more: str) -> tuple[int, str]:
        """Runs `python -m deploy WORDS`; returns its exit code and output."""
        with self.start(*words, **more) as process:
            try:
                output, _ = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return process.returncode, output

    def kill(self) -> None:
        """Kills the command and its child processes."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
