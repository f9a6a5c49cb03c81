"""The listener: how requests are read, cleaned and answered before any route is chosen."""

from __future__ import annotations

from gateway.envoy.access_log import access_log
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
from gateway.envoy.replies import local_reply_config
from gateway.local import Local
from gateway.routes import Api

# What only the gateway may say. Envoy's own headers could change deadlines and retries.
FORGED = (CONSUMER_NUMBER, CONSUMER_TYPE, USERINFO, FORWARDED_AUTHORIZATION, METHOD)


def listener(api: Api, local: Local, routes: Message) -> Message:
    """The gateway's listener; `routes` is the field that says where its route table comes from."""
    manager = http_connection_manager(api, local, routes)
    return typed(
        "config.listener.v3.Listener",
        name="gateway",
        address=socket(local.address, local.port),
        # A second gateway on the same port must fail, not share it.
        enable_reuse_port=False,
        filter_chains=[{"filters": [named("envoy.filters.network.http_connection_manager", manager)]}],
    )


def http_connection_manager(api: Api, local: Local, routes: Message) -> Message:
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
        http_filters=http_filters(api, local),
        local_reply_config=local_reply_config(api),
        access_log=access_log(),
        **routes,
    )


def early_header_mutation() -> Message:
    """What happens to headers before a route is chosen: forged ones go, and the method that counts is written down.

    Which filters a request meets is decided with its route. A method changed later would leave out those that ask for
    a key.
    """
    mutations: list[Message] = [{"remove": name} for name in FORGED]
    mutations.append({"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}})
    mutations.append({"append": header(METHOD, f"%REQ({METHOD_OVERRIDE}?:METHOD)%")})
    mutation = typed("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations)
    return named("envoy.http.early_header_mutation.header_mutation", mutation)
