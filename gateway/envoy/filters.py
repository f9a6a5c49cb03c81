"""HTTP filters: one function for each filter, and one for its configuration on a route where it has any."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.api import Api, Issuer, Operation, PathTranslation
from gateway.envoy.clusters import jwks_cluster_name, remote_jwks
from gateway.envoy.messages import (
    API_KEY,
    BODY_SIZE_LIMIT,
    CONSUMER_NUMBER,
    JWT,
    LUA,
    METHOD_OVERRIDE,
    QUOTA,
    ROUTER,
    USERINFO,
    Message,
    named,
    typed,
)
from gateway.runtime import Runtime

MAX_BODY_BYTES = 32 * 1024 * 1024
KEY_SOURCES = [{"query": "key"}, {"query": "api_key"}, {"header": "x-api-key"}]
UNLIMITED = 4_000_000_000
QUOTA_METADATA = "quota"
FORWARDING = {"header": CONSUMER_NUMBER}
LUA_FOLDER = Path(__file__).parent


def http_filters(api: Api, runtime: Runtime) -> list[Message]:
    """Every filter, in the order in which they run. 404 and 405 come first: they are routes without these filters."""
    filters = [method_override(), body_size_limit()]
    if api.issuers:
        filters.append(jwt(api, runtime))
    filters.append(api_key(runtime))
    if api.limits and any(operation.costs for operation in api.operations):
        filters.append(quota(api, runtime))
    # Always present, though only some routes use it: a change of routes then leaves the listener unchanged.
    return [*filters, path_parameters(), router()]


def per_route(operation: Operation, runtime: Runtime) -> Message:
    """The operation's configuration of the filters that are off by default."""
    filters: Message = {}
    if operation.tokens:
        filters[JWT] = typed(
            "extensions.filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=requirement_name(operation)
        )
    if operation.needs_key:
        filters[API_KEY] = api_key_for(runtime)
    if binds_path_parameters(operation):
        filters[LUA] = path_parameters_for(operation)
    return filters


def method_override() -> Message:
    """Sets the request's method to X-HTTP-Method-Override, by which `listener` has already chosen the route."""
    present = {
        "input": named("header", typed("type.matcher.v3.HttpRequestHeaderMatchInput", header_name=METHOD_OVERRIDE)),
        "value_match": {"safe_regex": {"google_re2": {}, "regex": ".*"}},
    }
    skip = {"action": named("skip", typed("extensions.filters.common.matcher.action.v3.SkipFilter"))}
    matcher = {
        "matcher_list": {"matchers": [{"predicate": {"not_matcher": {"single_predicate": present}}, "on_match": skip}]}
    }
    lua = typed(
        "extensions.filters.http.lua.v3.Lua",
        default_source_code=_script("method_override.lua"),
        clear_route_cache=False,
    )
    return named(
        "method_override",
        typed(
            "extensions.common.matching.v3.ExtensionWithMatcher",
            xds_matcher=matcher,
            extension_config=named(LUA, lua),
        ),
    )


def _script(name: str) -> Message:
    return {"inline_string": (LUA_FOLDER / name).read_text(encoding="utf-8")}


def body_size_limit() -> Message:
    """413 for bodies over 32 MiB, without buffering."""
    limit = typed("extensions.filters.http.body_size_limit.v3.BodySizeLimit", max_request_bytes=MAX_BODY_BYTES)
    return named(BODY_SIZE_LIMIT, limit)


def jwt(api: Api, runtime: Runtime) -> Message:
    """Verifies JWTs; each route names the requirement that applies to it."""
    providers = {issuer.name: provider(issuer, runtime) for issuer in api.issuers}
    requirements = {
        requirement_name(operation): requirement(operation) for operation in api.operations if operation.tokens
    }
    authentication = typed(
        "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers=providers,
        requirement_map=dict(sorted(requirements.items())),
    )
    return named(JWT, authentication)


def provider(issuer: Issuer, runtime: Runtime) -> Message:
    headers = [
        {"name": location.name, **({"value_prefix": location.prefix} if location.prefix else {})}
        for location in issuer.locations
        if not location.in_query
    ]
    return {
        "issuer": issuer.issuer,
        "audiences": list(issuer.audiences),
        "from_headers": headers,
        "from_params": [location.name for location in issuer.locations if location.in_query],
        "forward": True,
        "require_expiration": True,
        "forward_payload_header": USERINFO,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        **_key_set(issuer, runtime),
    }


def _key_set(issuer: Issuer, runtime: Runtime) -> Message:
    uri = remote_jwks(issuer, runtime)
    if uri is None:
        given = runtime.jwks.get(issuer.jwks_uri or "") or runtime.jwks[issuer.issuer]
        return {"local_jwks": {"inline_string": given}}
    fetch = {"uri": uri, "cluster": jwks_cluster_name(uri), "timeout": "30s"}
    # `fast_listener`: an unreachable issuer must not delay the start of the gateway.
    return {"remote_jwks": {"http_uri": fetch, "cache_duration": "300s", "async_fetch": {"fast_listener": True}}}


def requirement_name(operation: Operation) -> str:
    """As JSON: joined by any separator, two lists of names could become the same text."""
    return json.dumps(operation.tokens)


def requirement(operation: Operation) -> Message:
    alternatives: list[Message] = [{"provider_name": name} for name in operation.tokens]
    return alternatives[0] if len(alternatives) == 1 else {"requires_any": {"requirements": alternatives}}


def api_key(runtime: Runtime) -> Message:
    """Requires an API key. Disabled by default and enabled per route, so that 404 and 405 need no key."""
    authentication = typed(
        "extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": key.key, "client": key.consumer} for key in runtime.keys],
        key_sources=KEY_SOURCES,
        forwarding=FORWARDING,
    )
    return {**named(API_KEY, authentication), "disabled": True}


def api_key_for(runtime: Runtime) -> Message:
    """Enables the filter on a route. `forwarding` must be repeated, or a forged consumer number would pass."""
    fields: Message = {"key_sources": KEY_SOURCES, "forwarding": FORWARDING}
    if not all(key.enabled for key in runtime.keys):
        enabled = sorted({key.consumer for key in runtime.keys if key.enabled})
        # An empty list would allow every consumer.
        fields["allowed_clients"] = enabled or ["nobody"]
    return typed("extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", **fields)


def quota(api: Api, runtime: Runtime) -> Message:
    """One token bucket per metric and consumer; the metadata of a route says what a request costs."""
    lowest: dict[str, int] = {}
    for limit in api.limits:
        lowest[limit.metric] = min(limit.per_minute, lowest.get(limit.metric, UNLIMITED))
    percent = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limits = typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="quota",
        filter_enabled=percent,
        filter_enforced=percent,
        token_bucket=_bucket(UNLIMITED),
        always_consume_default_token_bucket=False,
        max_dynamic_descriptors=max(20, len(lowest) * len(runtime.keys)),
        descriptors=[_descriptor(metric, number) for metric, number in sorted(lowest.items())],
        rate_limits=[
            _rate_limit(position) for position in range(max(len(operation.costs) for operation in api.operations))
        ],
    )
    return named(QUOTA, limits)


def _descriptor(metric: str, per_minute: int) -> Message:
    entries = [{"key": "metric", "value": metric}, {"key": "consumer"}]
    return {"entries": entries, "token_bucket": _bucket(per_minute)}


def _bucket(tokens: int) -> Message:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "60s"}


def _rate_limit(position: int) -> Message:
    """Takes the route's cost at this position from the consumer's bucket; skipped without a cost or a consumer."""
    place = {"key": QUOTA_METADATA, "path": [{"key": f"cost{position}"}, {"key": "metric"}]}
    actions = [
        {"metadata": {"descriptor_key": "metric", "metadata_key": place, "source": "ROUTE_ENTRY"}},
        {"request_headers": {"header_name": CONSUMER_NUMBER, "descriptor_key": "consumer"}},
    ]
    return {
        "actions": actions,
        "hits_addend": {"format": f"%METADATA(ROUTE:{QUOTA_METADATA}:cost{position}:amount)%"},
    }


def quota_metadata(operation: Operation) -> Message:
    """The route metadata that holds what a request costs, if anything."""
    costs = {
        f"cost{position}": {"metric": metric, "amount": amount}
        for position, (metric, amount) in enumerate(operation.costs)
    }
    return {QUOTA_METADATA: costs} if costs else {}


def binds_path_parameters(operation: Operation) -> bool:
    """Whether path parameters are added to the query."""
    return operation.backend.translation is PathTranslation.CONSTANT and bool(operation.template.variables)


def path_parameters() -> Message:
    """CONSTANT_ADDRESS with path parameters: a script adds them to the query as the client encoded them."""
    script = typed(
        "extensions.filters.http.lua.v3.Lua",
        default_source_code=_script("path_parameters.lua"),
        # Do not choose the route again for the rewritten path.
        clear_route_cache=False,
    )
    return {**named(LUA, script), "disabled": True}


def path_parameters_for(operation: Operation) -> Message:
    variables = [
        {"name": variable.name, "start": variable.start, "stop": variable.stop}
        for variable in operation.template.variables
    ]
    context: Message = {"path": operation.backend.path, "variables": variables}
    if operation.template.verb:
        context["verb"] = operation.template.verb
    return typed("extensions.filters.http.lua.v3.LuaPerRoute", filter_context=context)


def router() -> Message:
    return named(ROUTER, typed("extensions.filters.http.router.v3.Router", suppress_envoy_headers=True))
