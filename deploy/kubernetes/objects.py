"""The Kubernetes objects that several programs need."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Object = dict[str, Any]

PART_OF: Final = {"app.kubernetes.io/part-of": "guichet"}
# Of the annotation that restarts pods when their configuration changes.
CONTENT: Final = "guichet/content"
UTILIZATION: Final = 70
SECURITY: Final[Object] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Volume:
    """Files that are mounted in the folder `path`: the keys of the Secret or ConfigMap `name`."""

    kind: str
    name: str
    path: str
    content: str


@dataclass(frozen=True)
class Program:
    """A container. If the path `live` or `ready` is empty, the probe only connects. `user` replaces the image's user.

    When its pod is to end, it still serves for `linger` seconds, while other pods learn of that.
    """

    name: str
    image: str
    port: int
    cpu: str
    memory: str
    live: str = ""
    ready: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    volumes: Sequence[Volume] = ()
    user: int | None = None
    linger: int = 5


def metadata(name: str, component: str, annotations: Mapping[str, str] | None = None) -> Object:
    """The metadata of an object; the labels select its pods."""
    found: Object = {"name": name, "labels": labels(name, component)}
    return found | {"annotations": dict(annotations)} if annotations else found


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of a program."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component, **PART_OF}


def container(program: Program, *, knative: bool = False) -> Object:
    """The container of a program. On Knative, the readiness probe is the startup probe too, and there are no hooks."""
    size = {"cpu": program.cpu, "memory": program.memory}
    found: Object = {
        "name": "main",
        "image": program.image,
        "ports": [{"name": "http1", "containerPort": program.port}],
        "resources": {"requests": size, "limits": size},
        "securityContext": SECURITY
        | ({} if program.user is None else {"runAsUser": program.user, "runAsGroup": program.user}),
        "readinessProbe": _probe(program.ready, program.port, 5),
    }
    if not knative:
        # A small model starts in a second, a large one on a busy node in minutes.
        found["startupProbe"] = _probe(program.ready, program.port, 1) | {"failureThreshold": 240}
        found["lifecycle"] = {"preStop": {"sleep": {"seconds": program.linger}}}
    found["livenessProbe"] = _probe(program.live, program.port, 10) | {"failureThreshold": 30 if knative else 3}
    if program.command:
        found["args"] = list(program.command)
    if program.environment:
        found["env"] = [{"name": name, "value": value} for name, value in program.environment.items()]
    if program.volumes:
        found["volumeMounts"] = [
            {"name": volume.name, "mountPath": volume.path, "readOnly": True} for volume in program.volumes
        ]
    return found


def pod(program: Program, *, knative: bool = False) -> Object:
    """The pod of a program."""
    found: Object = {
        "automountServiceAccountToken": False,
        # Otherwise, Kubernetes sets variables for each Service, such as GUICHET_GATEWAY_PORT.
        "enableServiceLinks": False,
        "containers": [container(program, knative=knative)],
    }
    if not knative:
        # The services end within 10 s; Knative allows them the deadline of a request.
        found["terminationGracePeriodSeconds"] = program.linger + 10
    if program.volumes:
        found["volumes"] = [_volume(volume) for volume in program.volumes]
    return found


def _volume(volume: Volume) -> Object:
    if volume.kind == "Secret":
        return {"name": volume.name, "secret": {"secretName": volume.name}}
    return {"name": volume.name, "configMap": {"name": volume.name}}


def deployment(program: Program, component: str, *, replicas: int | None) -> Object:
    """A Deployment; `replicas` is None if an autoscaler sets it."""
    content = "".join(volume.content for volume in program.volumes)
    stamp = {"annotations": {CONTENT: hashlib.sha256(content.encode()).hexdigest()[:16]}} if content else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(program.name, component),
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": labels(program.name, component)},
            "template": {
                "metadata": {"labels": labels(program.name, component), **stamp},
                "spec": pod(program),
            },
        },
    }


def service(program: Program, component: str, name: str = "") -> Object:
    """A Service on port 80, by default with the name of its program."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name or program.name, component),
        "spec": {
            "selector": labels(program.name, component),
            "ports": [{"name": "http", "port": 80, "targetPort": program.port}],
        },
    }


def disruption_budget(name: str, component: str) -> Object:
    """At most one pod at a time is evicted, so that a node can be drained even if there is only one."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name, component),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(name, component)}},
    }


def autoscaler(name: str, component: str, least: int, most: int) -> Object:
    """Adds pods when they use more than UTILIZATION percent of their CPUs."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name, component),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": UTILIZATION}},
                }
            ],
        },
    }


def config(kind: str, name: str, component: str, files: Mapping[str, str]) -> Object:
    """A ConfigMap, or a Secret."""
    field = "stringData" if kind == "Secret" else "data"
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata(name, component), field: dict(files)}


def _probe(path: str, port: int, period: int) -> Object:
    way: Object = {"httpGet": {"path": path, "port": port}} if path else {"tcpSocket": {"port": port}}
    return way | {"periodSeconds": period, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": 3}
