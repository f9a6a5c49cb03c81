"""Clusters: one for each origin of a backend, and one for each origin that key sets are fetched from."""

from __future__ import annotations

import re
from ipaddress import ip_address

from gateway.api import Api, Backend, Issuer
from gateway.envoy.messages import Message, named, socket, typed
from gateway.origin import Origin, origin
from gateway.runtime import Runtime, Target

# As in Google's gateway. A shorter deadline ends the request earlier.
CONNECT_TIMEOUT = "20s"
UNBOUNDED = 1_000_000


def clusters(api: Api, runtime: Runtime) -> list[Message]:
    """Every cluster of the API."""
    backends = {backend_cluster_name(operation.backend, runtime): operation.backend for operation in api.operations}
    found = [backend_cluster(backend, runtime) for _, backend in sorted(backends.items())]
    remote = {jwks_cluster_name(uri): uri for issuer in api.issuers if (uri := remote_jwks(issuer, runtime))}
    return found + [_cluster(name, origin(uri), origin(uri), runtime, False) for name, uri in sorted(remote.items())]


def with_former_clusters(new: list[Message], former: list[Message]) -> list[Message]:
    """The new clusters and the former ones that they do not replace.

    Until Envoy has the new routes, requests still go to the former clusters: removing those at once would fail them.
    """
    return list({cluster["name"]: cluster for cluster in (*former, *new)}.values())


def backend_cluster_name(backend: Backend, runtime: Runtime) -> str:
    name = str(runtime.override(backend) or backend.origin)
    return f"{name} h2" if backend.http2 else name


def backend_cluster(backend: Backend, runtime: Runtime) -> Message:
    prefix = runtime.override(backend)
    target = runtime.backend_overrides[prefix] if prefix else Target(backend.origin, backend.http2)
    http2 = target.h2c if target.origin.scheme == "http" else backend.http2
    return _cluster(backend_cluster_name(backend, runtime), backend.origin, target.origin, runtime, http2)


def jwks_cluster_name(uri: str) -> str:
    return f"jwks {origin(uri)}"


def remote_jwks(issuer: Issuer, runtime: Runtime) -> str | None:
    """The URL that the issuer's keys are fetched from; None if they were given with `--jwks`."""
    uri = issuer.jwks_uri
    return None if uri is None or uri in runtime.jwks or issuer.issuer in runtime.jwks else uri


def _cluster(name: str, documented: Origin, target: Origin, runtime: Runtime, http2: bool) -> Message:
    """A cluster that connects to `target`, whose certificate must be for the host in the document."""
    cluster: Message = {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        # A dot would end the name in the labels of statistics.
        "alt_stat_name": re.sub(r"[^A-Za-z0-9-]+", "_", name),
        "connect_timeout": CONNECT_TIMEOUT,
        **_discovery(target),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(target.host, target.port)}}]}],
        },
        # No panic mode: it is for clusters of several hosts.
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
        cluster["transport_socket"] = _tls(documented.host, runtime.ca_file, http2)
    return cluster


def _discovery(target: Origin) -> Message:
    if _is_address(target.host):
        return {"type": "STATIC"}
    # A host name that cannot be resolved must not delay the start of the gateway.
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
