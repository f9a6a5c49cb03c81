"""Typed routes -> what Envoy is started with: one bootstrap that holds everything, or files that it watches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.envoy.admin import admin_cluster
from gateway.envoy.clusters import clusters
from gateway.envoy.listener import listener
from gateway.envoy.messages import Message, socket
from gateway.envoy.route_table import route_configuration
from gateway.local import Local
from gateway.routes import Api

NODE = {"id": "gateway", "cluster": "gateway"}


@dataclass(frozen=True)
class Resources:
    """All that follows from a document: what changes when it changes."""

    listener: Message
    routes: Message
    clusters: list[Message]


def resources(api: Api, local: Local, routes_file: Path | None = None) -> Resources:
    """The listener reads its routes from `routes_file`, or holds them itself."""
    table = route_configuration(api, local)
    if routes_file is None:
        held = {key: value for key, value in table.items() if key != "@type"}
        return Resources(listener(api, local, {"route_config": held}), table, clusters(api, local))
    watched = {"rds": {"route_config_name": "routes", "config_source": watched_file(routes_file)}}
    return Resources(listener(api, local, watched), table, clusters(api, local))


def bootstrap(found: Resources, admin_port: int | None = None) -> Message:
    """A bootstrap that needs nothing else: for reading, for `envoy --mode validate`, for an Envoy of one's own."""
    static = {"listeners": [_plain(found.listener)], "clusters": [_plain(cluster) for cluster in found.clusters]}
    admin = {"admin": {"address": socket("127.0.0.1", admin_port)}} if admin_port else {}
    return {"node": NODE, **admin, "static_resources": static}


def watched_file(path: Path) -> Message:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _plain(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "@type"}


def dynamic_bootstrap(folder: Path, admin_socket: Path, admin: Message | None = None) -> Message:
    """A bootstrap that reads listeners and clusters from files in `folder`; `admin` is one more listener, if any."""
    static: Message = {}
    if admin is not None:
        static = {"listeners": [_plain(admin)], "clusters": [admin_cluster(admin_socket)]}
    return {
        "node": NODE,
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "static_resources": static,
        "dynamic_resources": {
            "lds_config": watched_file(folder / "listeners.json"),
            "cds_config": watched_file(folder / "clusters.json"),
        },
    }
