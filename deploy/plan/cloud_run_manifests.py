"""Cloud Run manifests: Knative's `serving.knative.dev/v1`, the input of `gcloud run services replace`.

Other clusters refuse them: accounts are e-mail addresses, secrets have versions, and the page's deadline is too long.
`deploy.kubernetes` renders the manifests for those.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from deploy.cloud.annotations import ATTEMPT, CONTENT, KEY, MANIFEST, NEXT
from deploy.errors import SettingsError
from deploy.settings import DeploySettings
from services.catalog import Model
from services.published_document import COMPRESSED_SUFFIX

PORT = 8000
PAGE_CPU, PAGE_MEMORY = 1, "1Gi"
# Not app.kubernetes.io/managed-by, as Cloud Run rejects labels with dots or slashes.
LABELS = {"managed-by": "guichet"}
# Virtual CPUs -> the minimum and maximum memory in GiB on Cloud Run.
MEMORY = {1: (0.125, 4), 2: (0.125, 8), 4: (2, 16), 8: (4, 32)}
MODEL_ACCOUNT, DIRECTORY_ACCOUNT, PAGE_ACCOUNT, GATEWAY_ACCOUNT = (
    "guichet-model",
    "guichet-directory",
    "guichet-page",
    "guichet-gateway",
)
# Who may open the page, as annotations of its service. `public` disables the check of the caller, which also works
# where the organisation forbids `allUsers`.
PAGE_ACCESS: Mapping[str, Mapping[str, str]] = {
    "public": {"run.googleapis.com/invoker-iam-disabled": "true"},
    "private": {},
    "iap": {"run.googleapis.com/iap-enabled": "true", "run.googleapis.com/launch-stage": "BETA"},
}
Manifest = dict[str, Any]


def model_manifest(model: Model, image: str, settings: DeploySettings) -> Manifest:
    """The service of one model; `image` has a digest. Raises SettingsError if Cloud Run has no such size."""
    least, most = MEMORY[model.cpu]
    if not least <= gib(model.memory) <= most:
        raise SettingsError(
            f"{model.name}: with {model.cpu} CPU{'s' * (model.cpu > 1)}, Cloud Run offers {least:g} to {most} GiB, not"
            f" {model.memory}: change its cpu or memory in the catalog."
        )
    return _service(
        model.service,
        image,
        settings.account(MODEL_ACCOUNT),
        environment=model.environment | ({"GUICHET_CONTACT": settings.contact} if settings.contact else {}),
        cpu=model.cpu,
        memory=model.memory,
        concurrency=model.concurrency,
        scale=(model.min_instances, model.max_instances),
        deadline=model.deadline,
        # Runs one inference, so the model is loaded and works.
        probe="/ready",
    )


def directory_manifest(image: str, settings: DeploySettings) -> Manifest:
    """The service that lists the models; it reads the newest version of a mounted secret."""
    file = f"openapi.json{COMPRESSED_SUFFIX}"
    return _service(
        settings.directory,
        image,
        settings.account(DIRECTORY_ACCOUNT),
        environment={"GUICHET_DOCUMENT": f"/etc/guichet/document/{file}"},
        mounts={"document": ("/etc/guichet/document", settings.document_secret, file)},
        probe="/live",
    )


def page_manifest(image: str, gateway: str, key: str, settings: DeploySettings, *, samples: bool = True) -> Manifest:
    """The page; it reads the API key from a mounted file when it starts.

    `key` is the name of the key: a new key makes a new revision, which restarts the page. `samples`: whether the page
    offers its sample images.
    """
    environment = {"API_GATEWAY": gateway, "API_KEY_FILE": "/etc/guichet/key/api-key", "HOST": "0.0.0.0"}  # noqa: S104
    return _service(
        settings.page,
        image,
        settings.account(PAGE_ACCOUNT),
        environment=environment if samples else environment | {"SAMPLES": "none"},
        mounts={"key": ("/etc/guichet/key", settings.key_secret, "api-key")},
        probe="/_stcore/health",
        # Browsers keep a connection open, and must reconnect to the instance that has their session.
        deadline=3600,
        notes={"run.googleapis.com/sessionAffinity": "true", KEY: key},
        access=PAGE_ACCESS[settings.page_access],
    )


def gib(memory: str) -> float:
    """`512Mi` -> 0.5."""
    return float(memory[:-2]) / (1024 if memory.endswith("Mi") else 1)


def stamped(manifest: Manifest, content: str, attempt: int = 1) -> Manifest:
    """The manifest with annotations for the next plan: its hash, the content of its image, and the attempt.

    The hash excludes the traffic, and the image, whose address is unknown before the build. A second attempt changes
    the template; otherwise Cloud Run would not retry a failed revision.
    """
    bare = json.loads(json.dumps(manifest))
    bare["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    del bare["spec"]["traffic"]
    digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:16]
    stamp: Manifest = json.loads(json.dumps(manifest))
    stamp["metadata"].setdefault("annotations", {}).update({CONTENT: content, MANIFEST: digest})
    if attempt > 1:
        stamp["spec"]["template"]["metadata"]["annotations"][ATTEMPT] = str(attempt)
    return stamp


def staged(manifest: Manifest, serving: str) -> Manifest:
    """The manifest with the tag `next` and no traffic for its revision; `serving` keeps the traffic."""
    traffic = [{"revisionName": serving, "percent": 100}, {"latestRevision": True, "percent": 0, "tag": NEXT}]
    return {**manifest, "spec": {**manifest["spec"], "traffic": traffic}}


def next_attempt(text: str) -> str:
    """The manifest in `text` with another attempt, so that Cloud Run tries again."""
    manifest: Manifest = json.loads(text)
    notes = manifest["spec"]["template"]["metadata"]["annotations"]
    notes[ATTEMPT] = str(int(notes.get(ATTEMPT, 1)) + 1)
    return json.dumps(manifest, indent=1) + "\n"


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
    access: Mapping[str, str] | None = None,
) -> Manifest:
    """A service; `mounts` maps each volume to its folder, its secret and the name of the file.

    `notes` are annotations of its revisions, and `access` of the service.
    """
    mounts = mounts or {}
    container: dict[str, Any] = {
        "image": image,
        "ports": [{"name": "http1", "containerPort": PORT}],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"limits": {"cpu": str(cpu), "memory": memory}},
        # Every second, up to Cloud Run's maximum of four minutes.
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
        "metadata": {
            "name": name,
            "labels": dict(LABELS),
            "annotations": {"run.googleapis.com/ingress": "all", **(access or {})},
        },
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
            # Explicit, as a rollback pins the traffic to a revision.
            "traffic": [{"latestRevision": True, "percent": 100}],
        },
    }
