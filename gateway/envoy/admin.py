"""The admin port: Envoy's statistics, and the public keys of the gateway's ID tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.envoy.messages import ROUTER, Message, header, named, socket, typed

JWKS_PATH = "/id-tokens/jwks.json"
SHOWN = ("/stats/prometheus", "/ready")
GET: list[Message] = [{"name": ":method", "string_match": {"exact": "GET"}}]


def admin_listener(port: int, public_keys: dict[str, Any]) -> Message:
    """A listener on loopback for the part of Envoy's admin interface that reveals no key and changes nothing."""
    routes: list[Message] = [
        {"match": {"path": path, "headers": GET}, "route": {"cluster": "admin", "timeout": "30s"}} for path in SHOWN
    ]
    routes.append(
        {
            "match": {"path": JWKS_PATH, "headers": GET},
            "direct_response": {"status": 200, "body": {"inline_string": json.dumps(public_keys)}},
            "response_headers_to_add": [header("content-type", "application/json")],
        }
    )
    # Other names could be those of a web page that a browser on this machine shows (DNS rebinding).
    domains = [name + suffix for name in ("127.0.0.1", "localhost", "[::1]") for suffix in ("", f":{port}")]
    manager = typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="admin",
        http_filters=[named(ROUTER, typed("extensions.filters.http.router.v3.Router"))],
        route_config={"virtual_hosts": [{"name": "admin", "domains": domains, "routes": routes}]},
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
