"""The real services start with the environment and the files of their manifest and image alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.harness.photos import Photo
from benchmarks.harness.process import ROOT, end_process, free_port, responds, wait_for
from deploy.plan import cloud_run_manifests
from deploy.plan.desired_state import desired_state, gateway_document
from deploy.settings import DeploySettings
from services.catalog import load_catalog
from tests.running import START_SECONDS

pytestmark = pytest.mark.integration

SETTINGS = DeploySettings("my-project")
IMAGE = f"{SETTINGS.registry}/guichet-x:b1@sha256:" + "a" * 64
ANY_HOST = "0.0.0.0"  # asserted of the manifests, never listened on
Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the process of a manifest and a Dockerfile; returns its URL once its probe succeeds.

    `secrets` are the contents of the secrets that it mounts, `moved` the folders of the image that are elsewhere here.
    """
    with ExitStack() as running:

        def start(
            manifest: cloud_run_manifests.Manifest,
            dockerfile: str,
            *,
            secrets: Mapping[str, bytes] | None = None,
            moved: Mapping[str, Path] | None = None,
        ) -> str:
            spec = manifest["spec"]["template"]["spec"]
            (container,) = spec["containers"]
            folders = {**(moved or {}), **mounted(spec, secrets or {}, tmp_path)}
            said, command = image(ROOT / dockerfile)
            said |= {item["name"]: item["value"] for item in container["env"]}
            assert said.get("HOST", ANY_HOST) == ANY_HOST
            # Cloud Run says PORT itself, and it is the one of the manifest.
            port = free_port()
            said |= {"HOST": "127.0.0.1", "PORT": str(port)}
            environment = {name: elsewhere(value, folders) for name, value in said.items()}
            log = tmp_path / "log"
            with log.open("w") as output:
                process = subprocess.Popen(
                    [sys.executable, *command],
                    cwd=ROOT,
                    env={"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            running.callback(end_process, process)
            address = f"http://127.0.0.1:{port}"
            probe = container["startupProbe"]["httpGet"]
            assert probe["port"] == container["ports"][0]["containerPort"] == cloud_run_manifests.PORT
            wait_for(
                lambda: process.poll() is not None or responds(address + probe["path"]), START_SECONDS, log.read_text()
            )
            assert process.poll() is None, log.read_text()
            return address

        yield start


def image(dockerfile: Path) -> tuple[dict[str, str], list[str]]:
    """The environment and the command's arguments, after `python`, of the image's last stage."""
    stage = dockerfile.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    words = re.findall(r"(\S+)=(\S+)", " ".join(re.findall(r"^ENV (.+)$", stage, re.MULTILINE)))
    python, *command = json.loads(re.findall(r"^CMD (.+)$", stage, re.MULTILINE)[-1])
    assert python == "python"
    return {name: value for name, value in words if not value.startswith("${")}, command


def mounted(spec: dict[str, Any], secrets: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """Writes the mounted secrets; returns the mount paths and their folders."""
    volumes = {volume["name"]: volume["secret"] for volume in spec.get("volumes", [])}
    found = {}
    for mount in spec["containers"][0].get("volumeMounts", []):
        secret = volumes.pop(mount["name"])
        (item,) = secret["items"]
        assert (item["key"], mount["readOnly"]) == ("latest", True)
        place = folder / mount["name"]
        place.mkdir()
        (place / item["path"]).write_bytes(secrets[secret["secretName"]])
        found[mount["mountPath"]] = place
    assert not volumes
    return found


def elsewhere(value: str, folders: Mapping[str, Path]) -> str:
    """A path in the container, mapped to this machine."""
    for folder, here in folders.items():
        if value == folder or value.startswith(f"{folder}/"):
            return str(here) + value.removeprefix(folder)
    return value


def test_the_directory_serves_models_and_document(start: Start) -> None:
    catalog = load_catalog()
    models = tuple(catalog)
    document = gateway_document(models, SETTINGS)
    address = start(
        cloud_run_manifests.directory_manifest(IMAGE, SETTINGS),
        "services/directory/Dockerfile",
        secrets={SETTINGS.document_secret: desired_state(SETTINGS, catalog).published.encode()},
    )
    listed = requests.get(f"{address}/v1/models", timeout=10).json()
    assert [(model["name"], model["predict"]) for model in listed["models"]] == [
        (model.name, f"/v1/models/{model.name}/predict") for model in models
    ]
    shown = requests.get(f"{address}/v1/openapi.json", timeout=10)
    assert shown.json()["paths"].keys() == document["paths"].keys()
    assert not re.search("x-guichet|x-google|ADDRESS_|run.app", shown.text)
    assert "swagger-ui" in requests.get(f"{address}/docs", timeout=10).text


def test_a_models_service_starts_and_predicts(start: Start, artifacts: Path, photos: list[Photo]) -> None:
    model = load_catalog()["efficientnet-lite0"]
    address = start(
        cloud_run_manifests.model_manifest(model, IMAGE, SETTINGS), "services/Dockerfile", moved={"/models": artifacts}
    )
    answer = requests.post(f"{address}/predict", data=photos[0].data, timeout=30)
    assert (answer.status_code, answer.headers["X-Model"], len(answer.json())) == (200, model.name, 5)


def test_the_page_starts(start: Start) -> None:
    address = start(
        cloud_run_manifests.page_manifest(IMAGE, "https://guichet-x.uc.gateway.dev", "guichet-1", SETTINGS),
        "frontend/Dockerfile",
        secrets={SETTINGS.key_secret: b"AIza-secret\n"},
    )
    assert requests.get(f"{address}/_stcore/health", timeout=10).text == "ok"
    assert "<title>" in requests.get(address, timeout=10).text
