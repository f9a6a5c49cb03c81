"""The admin port: Envoy's admin interface, and the public keys of the gateway's ID tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.envoy.messages import ROUTER, Message, named, socket, typed

JWKS_PATH = "/id-tokens/jwks.json"


def admin_listener(port: int, public_keys: dict[str, Any] | None) -> Message:
    """A listener on loopback that forwards to Envoy's admin interface."""
    routes: list[Message] = [{"match": {"prefix": "/"}, "route": {"cluster": "admin", "timeout": "30s"}}]
    if public_keys is not None:
        body = {"status": 200, "body": {"inline_string": json.dumps(public_keys)}}
        json_type = {"header": {"key": "content-type", "value": "application/json"}}
        routes.insert(
            0, {"match": {"path": JWKS_PATH}, "direct_response": body, "response_headers_to_add": [json_type]}
        )
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="admin",
        http_filters=[named(ROUTER, typed("extensions.filters.http.router.v3.Router"))],
        route_config={"virtual_hosts": [{"name": "admin", "domains": ["*"], "routes": routes}]},
    )
    return typed(
        "config.listener.v3.Listener",
        name="admin",
        address=socket("127.0.0.1", port),
        enable_reuse_port=False,
        filter_chains=[{"filters": [named("envoy.filters.network.http_connection_manager", manager)]}],
    )


def admin_cluster(admin_socket: Path) -> Message:
    endpoint = {"address": {"pipe": {"path": str(admin_socket)}}}
    return {
        "name": "admin",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
