"""HTTP filters: each a generator for the listener, and what a route says to it."""

from __future__ import annotations

from pathlib import Path

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
from gateway.local import Local
from gateway.routes import Api, Issuer, Route, Translation

MAX_BODY_BYTES = 32 * 1024 * 1024
KEY_SOURCES = [{"query": "key"}, {"query": "api_key"}, {"header": "x-api-key"}]
UNLIMITED = 4_000_000_000
QUOTA_METADATA = "quota"
FORWARDING = {"header": CONSUMER_NUMBER}
LUA_FOLDER = Path(__file__).parent


def http_filters(api: Api, local: Local) -> list[Message]:
    """Every filter, in the order in which a request meets them: 404 and 405 come before any of them asks who calls."""
    filters = [method_override(), body_size_limit()]
    if api.issuers:
        filters.append(jwt(api, local))
    filters.append(api_key(local))
    if api.limits and any(route.costs for route in api.routes):
        filters.append(quota(api, local))
    # Filters that only routes turn on are always there: then a change of routes alone leaves the listener as it is.
    return [*filters, path_parameters(), router()]


def per_route(route: Route, local: Local) -> Message:
    """What the route says to the filters that are off where they are not asked for."""
    said: Message = {}
    if route.tokens:
        said[JWT] = typed(
            "extensions.filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=requirement_name(route)
        )
    if route.needs_key:
        said[API_KEY] = api_key_for(local)
    if binds_path_parameters(route):
        said[LUA] = path_parameters_for(route)
    return said


def method_override() -> Message:
    """X-HTTP-Method-Override: the route has been chosen by it (see `listener`); here the request takes it on."""
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
    """413 for bodies over 32 MiB, without holding any body back."""
    limit = typed("extensions.filters.http.body_size_limit.v3.BodySizeLimit", max_request_bytes=MAX_BODY_BYTES)
    return named(BODY_SIZE_LIMIT, limit)


def jwt(api: Api, local: Local) -> Message:
    """Verifies the tokens of the document's issuers; routes say which of them they ask for."""
    providers = {issuer.name: provider(issuer, local) for issuer in api.issuers}
    requirements = {requirement_name(route): requirement(route) for route in api.routes if route.tokens}
    authentication = typed(
        "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers=providers,
        requirement_map=dict(sorted(requirements.items())),
    )
    return named(JWT, authentication)


def provider(issuer: Issuer, local: Local) -> Message:
    headers = [
        {"name": place.name, **({"value_prefix": place.prefix} if place.prefix else {})}
        for place in issuer.places
        if not place.in_query
    ]
    return {
        "issuer": issuer.issuer,
        "audiences": list(issuer.audiences),
        "from_headers": headers,
        "from_params": [place.name for place in issuer.places if place.in_query],
        "forward": True,
        "forward_payload_header": USERINFO,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        **_key_set(issuer, local),
    }


def _key_set(issuer: Issuer, local: Local) -> Message:
    uri = remote_jwks(issuer, local)
    if uri is None:
        given = local.jwks.get(issuer.jwks_uri or "") or local.jwks[issuer.issuer]
        return {"local_jwks": {"inline_string": given}}
    fetch = {"uri": uri, "cluster": jwks_cluster_name(uri), "timeout": "30s"}
    # The gateway serves whatever needs no token while an issuer cannot be reached.
    return {"remote_jwks": {"http_uri": fetch, "cache_duration": "300s", "async_fetch": {"fast_listener": True}}}


def requirement_name(route: Route) -> str:
    return " or ".join(" and ".join(names) or "nobody" for names in route.tokens)


def requirement(route: Route) -> Message:
    alternatives = [_all_of(names) for names in route.tokens]
    return alternatives[0] if len(alternatives) == 1 else {"requires_any": {"requirements": alternatives}}


def _all_of(names: tuple[str, ...]) -> Message:
    if not names:
        return {"allow_missing": {}}
    providers: list[Message] = [{"provider_name": name} for name in names]
    return providers[0] if len(providers) == 1 else {"requires_all": {"requirements": providers}}


def api_key(local: Local) -> Message:
    """Asks for a key; off but for the routes that say so, so that 404 and 405 come first."""
    authentication = typed(
        "extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
        credentials=[{"key": key.key, "client": key.consumer} for key in local.keys],
        key_sources=KEY_SOURCES,
        forwarding=FORWARDING,
    )
    return {**named(API_KEY, authentication), "disabled": True}


def api_key_for(local: Local) -> Message:
    """Turns the filter on. The forwarding stands here again: without it a forged consumer number would pass."""
    fields: Message = {"key_sources": KEY_SOURCES, "forwarding": FORWARDING}
    if not all(key.enabled for key in local.keys):
        enabled = sorted({key.consumer for key in local.keys if key.enabled})
        # An empty list would let every consumer in.
        fields["allowed_clients"] = enabled or ["nobody"]
    return typed("extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", **fields)


def quota(api: Api, local: Local) -> Message:
    """One bucket for each metric and consumer; routes say what a request costs, in their metadata."""
    least: dict[str, int] = {}
    for limit in api.limits:
        least[limit.metric] = min(limit.per_minute, least.get(limit.metric, limit.per_minute))
    percent = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limits = typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="quota",
        filter_enabled=percent,
        filter_enforced=percent,
        token_bucket=_bucket(UNLIMITED),
        always_consume_default_token_bucket=False,
        max_dynamic_descriptors=max(20, len(least) * len(local.keys)),
        descriptors=[_descriptor(metric, number) for metric, number in sorted(least.items())],
        rate_limits=[_spent(position) for position in range(max(len(route.costs) for route in api.routes))],
    )
    return named(QUOTA, limits)


def _descriptor(metric: str, per_minute: int) -> Message:
    entries = [{"key": "metric", "value": metric}, {"key": "consumer"}]
    return {"entries": entries, "token_bucket": _bucket(per_minute)}


def _bucket(tokens: int) -> Message:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "60s"}


def _spent(position: int) -> Message:
    """The route's cost at this position, if it has so many, spent by the consumer, if there is one."""
    place = {"key": QUOTA_METADATA, "path": [{"key": f"cost{position}"}, {"key": "metric"}]}
    actions = [
        {"metadata": {"descriptor_key": "metric", "metadata_key": place, "source": "ROUTE_ENTRY"}},
        {"request_headers": {"header_name": CONSUMER_NUMBER, "descriptor_key": "consumer"}},
    ]
    return {
        "actions": actions,
        "hits_addend": {"format": f"%METADATA(ROUTE:{QUOTA_METADATA}:cost{position}:amount)%"},
    }


def quota_metadata(route: Route) -> Message:
    """What a request on the route costs."""
    costs = {
        f"cost{position}": {"metric": metric, "amount": amount} for position, (metric, amount) in enumerate(route.costs)
    }
    return {"filter_metadata": {QUOTA_METADATA: costs}}


def binds_path_parameters(route: Route) -> bool:
    """Whether path parameters go into the query."""
    return route.backend.translation is Translation.CONSTANT and bool(route.template.variables)


def path_parameters() -> Message:
    """CONSTANT_ADDRESS with path parameters: a script puts them into the query, exactly as they came."""
    script = typed(
        "extensions.filters.http.lua.v3.Lua",
        default_source_code=_script("path_parameters.lua"),
        # The route has been chosen by the path that the client sent.
        clear_route_cache=False,
    )
    return {**named(LUA, script), "disabled": True}


def path_parameters_for(route: Route) -> Message:
    variables = [
        {"name": variable.name, "start": variable.start, "stop": variable.stop} for variable in route.template.variables
    ]
    context: Message = {"path": route.backend.path, "variables": variables}
    if route.template.verb:
        context["verb"] = route.template.verb
    return typed("extensions.filters.http.lua.v3.LuaPerRoute", filter_context=context)


def router() -> Message:
    return named(ROUTER, typed("extensions.filters.http.router.v3.Router", suppress_envoy_headers=True))
