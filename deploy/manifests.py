"""The manifests of the services: Knative's `serving.knative.dev/v1`, as `gcloud run services replace` takes them.

The same manifests fit any Knative cluster: what is Google's own stands in annotations only.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from deploy.errors import SettingsError
from deploy.settings import Settings
from services.catalog import Model

PORT = 8000
# What a service was made of, so that the next plan can tell without asking anything but the list of services.
CONTENT = "guichet/content"
MANIFEST = "guichet/manifest"
ATTEMPT = "guichet/attempt"
KEY = "guichet/key"
PAGE_CPU, PAGE_MEMORY = 1, "512Mi"
# Kubernetes would call it app.kubernetes.io/managed-by; Cloud Run refuses labels with dots or slashes.
LABELS = {"managed-by": "guichet"}
# The memory in GiB, least and most, that Cloud Run gives so many virtual CPUs.
MEMORY = {1: (0.125, 4), 2: (0.125, 8), 4: (2, 16), 8: (4, 32)}
MODEL_ACCOUNT, DIRECTORY_ACCOUNT, PAGE_ACCOUNT, GATEWAY_ACCOUNT = (
    "guichet-model",
    "guichet-directory",
    "guichet-page",
    "guichet-gateway",
)
Manifest = dict[str, Any]


def model_manifest(model: Model, image: str, settings: Settings) -> Manifest:
    """The service of one model; `image` is its image by digest. SettingsError where Cloud Run has none of that size."""
    least, most = MEMORY[model.cpu]
    if not least <= gib(model.memory) <= most:
        raise SettingsError(
            f"{model.name}: Cloud Run gives {model.cpu} CPU{'s' * (model.cpu > 1)} from {least:g} to {most} GiB, not"
            f" {model.memory}: change its cpu or memory in the catalog."
        )
    return _service(
        model.service,
        image,
        settings.account(MODEL_ACCOUNT),
        environment=model.environment,
        cpu=model.cpu,
        memory=model.memory,
        concurrency=model.concurrency,
        scale=(model.min_instances, model.max_instances),
        deadline=model.deadline,
        # One true inference: the network is loaded, its files were checked, and it answers.
        probe="/ready",
    )


def directory_manifest(image: str, settings: Settings) -> Manifest:
    """The service that lists the models; what it shows is a mounted secret, of which it reads the newest version."""
    return _service(
        settings.directory,
        image,
        settings.account(DIRECTORY_ACCOUNT),
        environment={"GUICHET_DOCUMENT": "/etc/guichet/document/openapi.json.gz.b64"},
        mounts={"document": ("/etc/guichet/document", settings.document_secret, "openapi.json.gz.b64")},
        probe="/live",
    )


def page_manifest(image: str, gateway: str, key: str, settings: Settings) -> Manifest:
    """The page: it is told the gateway's address, and reads the API key from a mounted file when it starts.

    `key` is the key's name: another key makes another revision, and so starts the page anew.
    """
    return _service(
        settings.page,
        image,
        settings.account(PAGE_ACCOUNT),
        environment={"API_GATEWAY": gateway, "API_KEY_FILE": "/etc/guichet/key/api-key", "HOST": "0.0.0.0"},  # noqa: S104
        mounts={"key": ("/etc/guichet/key", settings.key_secret, "api-key")},
        probe="/_stcore/health",
        # A browser keeps its connection open and must come back to the instance that knows it.
        deadline=3600,
        notes={"run.googleapis.com/sessionAffinity": "true", KEY: key},
    )


def gib(memory: str) -> float:
    """GiB of a quantity such as 512Mi."""
    return float(memory[:-2]) / (1024 if memory.endswith("Mi") else 1)


def stamped(manifest: Manifest, content: str, attempt: int = 1) -> Manifest:
    """The manifest with what the next plan compares: its own hash, its image's content, and the attempt.

    The hash is of the manifest without the image, whose content stands beside it: both are known before the build. An
    attempt after the first changes the template, without which Cloud Run would not try a failed revision again.
    """
    bare = json.loads(json.dumps(manifest))
    bare["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:16]
    stamp: Manifest = json.loads(json.dumps(manifest))
    stamp["metadata"].setdefault("annotations", {}).update({CONTENT: content, MANIFEST: digest})
    if attempt > 1:
        stamp["spec"]["template"]["metadata"]["annotations"][ATTEMPT] = str(attempt)
    return stamp


def _service(
    name: str,
    image: str,
    account: str,
    *,
    environment: Mapping[str, str],
    probe: str,
    cpu: int = PAGE_CPU,
    memory: str = PAGE_MEMORY,
    concurrency: int = 80,
    scale: tuple[int, int] = (0, 4),
    deadline: float = 60,
    mounts: Mapping[str, tuple[str, str, str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Manifest:
    """A service; `mounts` maps a volume to its folder, its secret and the file's name."""
    mounts = mounts or {}
    container: dict[str, Any] = {
        "image": image,
        "ports": [{"name": "http1", "containerPort": PORT}],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"limits": {"cpu": str(cpu), "memory": memory}},
        # As often as Cloud Run allows, for as long as it allows: four minutes.
        "startupProbe": {
            "httpGet": {"path": probe, "port": PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": 240,
        },
    }
    spec: dict[str, Any] = {
        "serviceAccountName": account,
        "containerConcurrency": concurrency,
        "timeoutSeconds": math.ceil(deadline),
        "containers": [container],
    }
    if mounts:
        container["volumeMounts"] = [
            {"name": volume, "mountPath": folder, "readOnly": True} for volume, (folder, _, _) in mounts.items()
        ]
        spec["volumes"] = [
            {"name": volume, "secret": {"secretName": secret, "items": [{"key": "latest", "path": file}]}}
            for volume, (_, secret, file) in mounts.items()
        ]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": dict(LABELS), "annotations": {"run.googleapis.com/ingress": "all"}},
        "spec": {
            "template": {
                "metadata": {
                    "labels": dict(LABELS),
                    "annotations": {
                        "autoscaling.knative.dev/minScale": str(scale[0]),
                        "autoscaling.knative.dev/maxScale": str(scale[1]),
                        "run.googleapis.com/startup-cpu-boost": "true",
                        **(notes or {}),
                    },
                },
                "spec": spec,
            },
            # Said outright, as a rollback pins the traffic to a revision and a new one would get none.
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }
