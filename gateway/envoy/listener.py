"""The listener: its port, and how requests are parsed, normalised and filtered."""

from __future__ import annotations

from gateway.api import Api
from gateway.envoy.access_log import access_log
from gateway.envoy.error_responses import local_reply_config
from gateway.envoy.filters import http_filters
from gateway.envoy.messages import (
    CONSUMER_NUMBER,
    CONSUMER_TYPE,
    FORWARDED_AUTHORIZATION,
    METHOD,
    METHOD_OVERRIDE,
    USERINFO,
    Message,
    header,
    named,
    socket,
    typed,
)
from gateway.runtime import Runtime

# Removed from requests: only the gateway may set these.
RESERVED_HEADERS = (CONSUMER_NUMBER, CONSUMER_TYPE, USERINFO, FORWARDED_AUTHORIZATION, METHOD)


def listener(api: Api, runtime: Runtime, routes: Message) -> Message:
    """The gateway's listener; `routes` is either `rds` or `route_config`."""
    manager = http_connection_manager(api, runtime, routes)
    return typed(
        "config.listener.v3.Listener",
        name="gateway",
        address=socket(runtime.address, runtime.port),
        # Without this, a second gateway would share the port instead of failing.
        enable_reuse_port=False,
        filter_chains=[{"filters": [named("envoy.filters.network.http_connection_manager", manager)]}],
    )


def http_connection_manager(api: Api, runtime: Runtime, routes: Message) -> Message:
    return typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",
        common_http_protocol_options={"headers_with_underscores_action": "REJECT_REQUEST"},
        max_request_headers_kb=60,
        preserve_external_request_id=True,
        early_header_mutation_extensions=[early_header_mutation()],
        http_filters=http_filters(api, runtime),
        local_reply_config=local_reply_config(api),
        access_log=access_log(),
        **routes,
    )


def early_header_mutation() -> Message:
    """Removes reserved headers and records the effective method, before the route is chosen.

    The route determines the filters. If X-HTTP-Method-Override were applied later, a request could skip the API key.
    """
    mutations: list[Message] = [{"remove": name} for name in RESERVED_HEADERS]
    # With these a client could change deadlines and retries.
    mutations.append({"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}})
    mutations.append({"append": header(METHOD, f"%REQ({METHOD_OVERRIDE}?:METHOD)%")})
    mutation = typed("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations)
    return named("envoy.http.early_header_mutation.header_mutation", mutation)
