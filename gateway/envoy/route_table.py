"""Routes: a tree by the literal beginning of the path, so that the thousandth operation is found as fast as the first.

Under each beginning stand, in order, the operations whose paths may begin so, then a 405 for each of their templates.
What matches none of them is answered 404 (see `replies`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from gateway.envoy import filters
from gateway.envoy.clusters import backend_cluster_name
from gateway.envoy.messages import (
    CONSUMER_TYPE,
    FORWARDED_AUTHORIZATION,
    METHOD,
    METHOD_OVERRIDE,
    ORIGINAL_PATH,
    Message,
    header,
    named,
    seconds,
    typed,
)
from gateway.local import Local
from gateway.routes import Api, Backend, Route, Translation
from gateway.template import ONE, REST, Template

RETRY_POLICY: Message = {"retry_on": "reset,connect-failure,refused-stream", "num_retries": 1}
STREAM_IDLE_MS = 300_000
NOT_ALLOWED = 'The current request is matched to the defined url template "{}" but its http method is not allowed'


def route_configuration(api: Api, local: Local) -> Message:
    """The whole route table."""
    tree = {prefix: _route_list(_routes(prefix, routes, local)) for prefix, routes in by_prefix(api.routes).items()}
    virtual_host: Message = {
        "name": "api",
        "domains": ["*"],
        "retry_policy": RETRY_POLICY,
        "request_headers_to_remove": [METHOD, METHOD_OVERRIDE],
        "matcher": {"matcher_tree": {"input": PATH, "prefix_match_map": {"map": tree}}},
    }
    return typed("config.route.v3.RouteConfiguration", name="routes", virtual_hosts=[virtual_host])


PATH = named("path", typed("type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path"))


def _route_list(routes: Iterable[Message]) -> Message:
    return {"action": named("routes", typed("config.route.v3.RouteList", routes=list(routes)))}


def by_prefix(routes: Iterable[Route]) -> dict[str, list[Route]]:
    """For every literal beginning, the routes that can match a path of which it is the longest one, in their order."""
    routes = list(routes)
    prefixes = sorted({route.template.prefix for route in routes})
    found: dict[str, list[Route]] = {prefix: [] for prefix in prefixes}
    for route in routes:
        for prefix in _prefixes_of(route.template, prefixes, found.keys()):
            found[prefix].append(route)
    return found


def _prefixes_of(template: Template, prefixes: list[str], known: Iterable[str]) -> Iterator[str]:
    own = template.prefix
    yield own
    if template.is_exact:
        if own + "/" in known and own != "/":
            yield own + "/"
        return
    for index in range(bisect_left(prefixes, own) + 1, len(prefixes)):
        if not prefixes[index].startswith(own):
            break
        if may_begin_with(template, prefixes[index]):
            yield prefixes[index]


def may_begin_with(template: Template, prefix: str) -> bool:
    """Whether any path that the template stands for begins with `prefix`."""
    *whole, begun = prefix[1:].split("/")
    for index, piece in enumerate(whole):
        segment = template.segments[index] if index < len(template.segments) else None
        if segment == REST:
            return True
        if segment is None or (segment != ONE and segment != piece):
            return False
    if len(whole) >= len(template.segments):
        return not begun
    segment = template.segments[len(whole)]
    return segment in (ONE, REST) or segment.startswith(begun)


def _routes(prefix: str, routes: list[Route], local: Local) -> Iterator[Message]:
    for route in routes:
        for match in matches(route.template, prefix):
            yield proxied(route, match, local)
    first: dict[object, Template] = {}
    for route in routes:
        first.setdefault(route.template.shape, route.template)
    for template in first.values():
        for match in matches(template, prefix):
            yield method_not_allowed(template, match)


def matches(template: Template, prefix: str) -> list[Message]:
    """What a path must be to match the template, of the paths that begin with `prefix`."""
    if not template.is_exact:
        return [{"safe_regex": {"regex": template.regex}}]
    paths = [template.path] if template.path == "/" else [template.path, template.path + "/"]
    return [{"path": path} for path in paths if path.startswith(prefix)]


def proxied(route: Route, match: Message, local: Local) -> Message:
    """One operation."""
    method = {"name": METHOD, "string_match": {"exact": route.method}}
    message: Message = {
        "name": route.name,
        "match": {**match, "headers": [method]},
        "route": {
            "cluster": backend_cluster_name(route.backend),
            "host_rewrite_literal": route.backend.origin.authority,
            "timeout": seconds(route.backend.deadline_ms),
            "idle_timeout": seconds(max(STREAM_IDLE_MS, route.backend.deadline_ms + 1000)),
            **rewrite(route.backend, route.template),
        },
    }
    if headers := list(_headers(route, local)):
        message["request_headers_to_add"] = headers
    if route.costs:
        message["metadata"] = filters.quota_metadata(route)
    if per_filter := filters.per_route(route, local):
        message["typed_per_filter_config"] = per_filter
    return message


def _headers(route: Route, local: Local) -> Iterator[Message]:
    if route.needs_key:
        yield header(CONSUMER_TYPE, "PROJECT")
    if is_rewritten(route) and not filters.binds_path_parameters(route):
        yield header(ORIGINAL_PATH, "%REQ(:PATH)%")
    if route.backend.audience is not None:
        yield header(FORWARDED_AUTHORIZATION, "%REQ(authorization)%")
        yield header("authorization", f"Bearer {local.id_tokens[route.backend.audience]}")


def is_rewritten(route: Route) -> bool:
    return route.backend.translation is Translation.CONSTANT or bool(route.backend.path)


def rewrite(backend: Backend, template: Template) -> Message:
    """How the router changes the path; the query stays. Path parameters are bound by a filter before."""
    if backend.translation is Translation.APPEND:
        return _replace("^", backend.path) if backend.path else {}
    if template.is_exact:
        return {"prefix_rewrite": backend.path}
    return {} if template.variables else _replace("^.*$", backend.path)


def _replace(regex: str, path: str) -> Message:
    return {"regex_rewrite": {"pattern": {"regex": regex}, "substitution": path.replace("\\", r"\\")}}


def method_not_allowed(template: Template, match: Message) -> Message:
    body = NOT_ALLOWED.format(template.text)
    return {"match": match, "direct_response": {"status": 405, "body": {"inline_string": body}}}
