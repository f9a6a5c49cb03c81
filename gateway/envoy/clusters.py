"""Clusters: one for each origin that operations go to, one for each that keys of issuers come from."""

from __future__ import annotations

import re
from ipaddress import ip_address

from gateway.envoy.messages import Message, named, socket, typed
from gateway.local import Local
from gateway.routes import Api, Backend, Issuer, Origin, origin

# Google's runtime waits that long for a connection; a deadline that is shorter ends the request before.
CONNECT_TIMEOUT = "20s"
UNBOUNDED = 1_000_000


def clusters(api: Api, local: Local) -> list[Message]:
    """Every cluster, once."""
    backends = {backend_cluster_name(route.backend): route.backend for route in api.routes}
    found = [backend_cluster(backend, local) for _, backend in sorted(backends.items())]
    remote = {jwks_cluster_name(uri): uri for issuer in api.issuers if (uri := remote_jwks(issuer, local))}
    return found + [_cluster(name, origin(uri), origin(uri), local, False) for name, uri in sorted(remote.items())]


def backend_cluster_name(backend: Backend) -> str:
    return f"{backend.origin} h2" if backend.http2 else str(backend.origin)


def backend_cluster(backend: Backend, local: Local) -> Message:
    target = local.elsewhere.get(backend.origin, backend.origin)
    return _cluster(backend_cluster_name(backend), backend.origin, target, local, backend.http2)


def jwks_cluster_name(uri: str) -> str:
    return f"jwks {origin(uri)}"


def remote_jwks(issuer: Issuer, local: Local) -> str | None:
    """Where the issuer's keys are fetched from, or None where they were given."""
    uri = issuer.jwks_uri
    return None if uri is None or uri in local.jwks or issuer.issuer in local.jwks else uri


def _cluster(name: str, written: Origin, target: Origin, local: Local, http2: bool) -> Message:
    cluster: Message = {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        # Dots would end the name where statistics are labelled.
        "alt_stat_name": re.sub(r"[^A-Za-z0-9-]+", "_", name),
        "connect_timeout": CONNECT_TIMEOUT,
        **_discovery(target),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(target.host, target.port)}}]}],
        },
        # One host stands for itself, however it fares.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": UNBOUNDED,
                    "max_pending_requests": UNBOUNDED,
                    "max_requests": UNBOUNDED,
                    "max_retries": UNBOUNDED,
                }
            ]
        },
    }
    if http2:
        options = typed(
            "extensions.upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}}
        )
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    if target.scheme == "https":
        cluster["transport_socket"] = _tls(written.host, local.ca_file, http2)
    return cluster


def _discovery(target: Origin) -> Message:
    if _is_address(target.host):
        return {"type": "STATIC"}
    # A name that cannot be resolved yet must keep neither the gateway nor the other backends waiting.
    return {"type": "LOGICAL_DNS", "dns_lookup_family": "V4_PREFERRED", "wait_for_warm_on_init": False}


def _tls(name: str, ca_file: str, http2: bool) -> Message:
    kind = "IP_ADDRESS" if _is_address(name) else "DNS"
    context: Message = {
        "validation_context": {
            "trusted_ca": {"filename": ca_file},
            "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": name}}],
        }
    }
    if http2:
        context["alpn_protocols"] = ["h2"]
    fields: Message = (
        {"common_tls_context": context} if kind == "IP_ADDRESS" else {"sni": name, "common_tls_context": context}
    )
    return named(
        "envoy.transport_sockets.tls", typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", **fields)
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
