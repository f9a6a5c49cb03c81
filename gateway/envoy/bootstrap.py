"""Envoy's configuration: one self-contained bootstrap, or a bootstrap and the files it watches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.api import Api
from gateway.envoy.admin import admin_cluster
from gateway.envoy.clusters import clusters
from gateway.envoy.listener import listener
from gateway.envoy.messages import Message, socket
from gateway.envoy.routes import route_configuration
from gateway.runtime import Runtime

NODE = {"id": "gateway", "cluster": "gateway"}


@dataclass(frozen=True)
class Resources:
    """What a document becomes in Envoy; it is replaced when the document changes."""

    listener: Message
    routes: Message
    clusters: list[Message]


def resources(api: Api, runtime: Runtime, routes_file: Path | None = None) -> Resources:
    """Envoy's resources for the API. The listener watches `routes_file` if given, else contains its routes."""
    table = route_configuration(api, runtime)
    if routes_file is None:
        return Resources(listener(api, runtime, {"route_config": _untyped(table)}), table, clusters(api, runtime))
    watched = {"rds": {"route_config_name": "routes", "config_source": watched_file(routes_file)}}
    return Resources(listener(api, runtime, watched), table, clusters(api, runtime))


def bootstrap(parts: Resources, admin_port: int | None = None) -> Message:
    """A self-contained bootstrap: to read, to validate, or to run with any Envoy."""
    static = {"listeners": [_untyped(parts.listener)], "clusters": [_untyped(cluster) for cluster in parts.clusters]}
    admin = {"admin": {"address": socket("127.0.0.1", admin_port)}} if admin_port else {}
    return {"node": NODE, **admin, "static_resources": static}


def watched_file(path: Path) -> Message:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _untyped(message: Message) -> Message:
    """The message without its type, for fields that can have only one type."""
    return {key: value for key, value in message.items() if key != "@type"}


def dynamic_bootstrap(folder: Path, admin_socket: Path, admin: Message | None = None) -> Message:
    """A bootstrap that watches the listeners and clusters in `folder`; `admin` is the listener of the admin port."""
    static: Message = {}
    if admin is not None:
        static = {"listeners": [_untyped(admin)], "clusters": [admin_cluster(admin_socket)]}
    return {
        "node": NODE,
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "static_resources": static,
        "dynamic_resources": {
            "lds_config": watched_file(folder / "listeners.json"),
            "cds_config": watched_file(folder / "clusters.json"),
        },
    }
