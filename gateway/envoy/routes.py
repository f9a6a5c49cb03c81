"""Routes: one for each operation and path, and a 405 for each path template.

They are grouped by the literal prefix of the path in a tree, so that a lookup takes as long with a thousand operations
as with one. A path that no route matches gets 404 (see `error_responses`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway.api import Api, Backend, Operation, PathTranslation
from gateway.document.path_template import ONE, REST, PathTemplate
from gateway.envoy import filters
from gateway.envoy.clusters import backend_cluster_name
from gateway.envoy.messages import (
    ALLOWED_ORIGIN,
    CONSUMER_TYPE,
    FORWARDED_AUTHORIZATION,
    METHOD,
    METHOD_OVERRIDE,
    ORIGINAL_PATH,
    Message,
    header,
    literal,
    named,
    seconds,
    typed,
)
from gateway.runtime import Runtime

RETRY_POLICY: Message = {"retry_on": "reset,connect-failure,refused-stream", "num_retries": 1}
STREAM_IDLE_MS = 300_000
NOT_ALLOWED = 'The current request is matched to the defined url template "{}" but its http method is not allowed'


def route_configuration(api: Api, runtime: Runtime) -> Message:
    """The route configuration of the API."""
    tree = {prefix: _route_list(_routes(prefix, found, runtime)) for prefix, found in by_prefix(api.operations).items()}
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


def by_prefix(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    """For each literal prefix, the operations that can match a path whose longest prefix it is, in the given order."""
    operations = list(operations)
    prefixes = sorted({operation.template.prefix for operation in operations})
    found: dict[str, list[Operation]] = {prefix: [] for prefix in prefixes}
    for operation in operations:
        for prefix in _prefixes_of(operation.template, prefixes, found.keys()):
            found[prefix].append(operation)
    return found


def _prefixes_of(template: PathTemplate, prefixes: list[str], known: Iterable[str]) -> Iterator[str]:
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


def may_begin_with(template: PathTemplate, prefix: str) -> bool:
    """Whether the template matches any path that begins with `prefix`."""
    *whole, partial = prefix[1:].split("/")
    for index, piece in enumerate(whole):
        segment = template.segments[index] if index < len(template.segments) else None
        if segment == REST:
            return True
        if segment is None or (segment != ONE and segment != piece):
            return False
    if len(whole) >= len(template.segments):
        return not partial
    segment = template.segments[len(whole)]
    return segment in (ONE, REST) or segment.startswith(partial)


def _routes(prefix: str, operations: list[Operation], runtime: Runtime) -> Iterator[Message]:
    # Anybody's pages may read an error of the gateway: it depends on nothing that only a browser knows.
    cors = {
        operation.template.shape: {ALLOWED_ORIGIN: {"origin": "*"}}
        for operation in operations
        if operation.method == "OPTIONS"
    }
    for operation in operations:
        metadata = {**filters.quota_metadata(operation), **cors.get(operation.template.shape, {})}
        for match in matches(operation.template, prefix):
            if operation.optional_key:
                with_key = replace(operation, needs_key=True)
                yield from (operation_route(with_key, match | source, runtime, metadata) for source in KEY_IS_PRESENT)
            yield operation_route(operation, match, runtime, metadata)
    templates: dict[object, PathTemplate] = {}
    for operation in operations:
        templates.setdefault(operation.template.shape, operation.template)
    for template in templates.values():
        for match in matches(template, prefix):
            yield method_not_allowed_route(template, match, cors.get(template.shape, {}))


def _present(field: str, name: str) -> Message:
    return {field: [{"name": name, "string_match": {"safe_regex": {"regex": ".+"}}}]}


# One for each place of an API key: the routes by which a request with an optional key has it verified.
KEY_IS_PRESENT = tuple(
    _present("headers" if "header" in source else "query_parameters", *source.values())
    for source in filters.KEY_SOURCES
)


def matches(template: PathTemplate, prefix: str) -> list[Message]:
    """The matchers of the template for paths that begin with `prefix`."""
    if not template.is_exact:
        return [{"safe_regex": {"regex": template.regex}}]
    paths = [template.path] if template.path == "/" else [template.path, template.path + "/"]
    return [{"path": path} for path in paths if path.startswith(prefix)]


def operation_route(operation: Operation, match: Message, runtime: Runtime, metadata: Message) -> Message:
    """The route that forwards an operation's requests to its backend."""
    method = {"name": METHOD, "string_match": {"exact": operation.method}}
    message: Message = {
        "name": operation.name,
        "match": {**match, "headers": [method, *match.get("headers", ())]},
        "route": {
            "cluster": backend_cluster_name(operation.backend, runtime),
            "host_rewrite_literal": operation.backend.origin.authority,
            "timeout": seconds(operation.backend.deadline_ms),
            "idle_timeout": seconds(max(STREAM_IDLE_MS, operation.backend.deadline_ms + 1000)),
            **rewrite(operation.backend, operation.template),
        },
    }
    if headers := list(_headers(operation, runtime)):
        message["request_headers_to_add"] = headers
    if metadata:
        message["metadata"] = {"filter_metadata": metadata}
    if per_filter := filters.per_route(operation, runtime):
        message["typed_per_filter_config"] = per_filter
    return message


def _headers(operation: Operation, runtime: Runtime) -> Iterator[Message]:
    if operation.needs_key:
        yield header(CONSUMER_TYPE, "PROJECT")
    if is_rewritten(operation) and not filters.binds_path_parameters(operation):
        yield header(ORIGINAL_PATH, "%REQ(:PATH)%")
    if operation.backend.audience is not None:
        yield header(FORWARDED_AUTHORIZATION, "%REQ(authorization)%")
        yield header("authorization", literal(f"Bearer {runtime.id_tokens[operation.backend.audience]}"))


def is_rewritten(operation: Operation) -> bool:
    return operation.backend.translation is PathTranslation.CONSTANT or bool(operation.backend.path)


def rewrite(backend: Backend, template: PathTemplate) -> Message:
    """How the router rewrites the path; the query stays. With path parameters, the Lua filter does it instead."""
    if backend.translation is PathTranslation.APPEND:
        return _replace("^", backend.path) if backend.path else {}
    if template.is_exact:
        return {"prefix_rewrite": backend.path}
    return {} if template.variables else _replace("^.*$", backend.path)


def _replace(regex: str, path: str) -> Message:
    return {"regex_rewrite": {"pattern": {"regex": regex}, "substitution": path.replace("\\", r"\\")}}


def method_not_allowed_route(template: PathTemplate, match: Message, metadata: Message) -> Message:
    body = NOT_ALLOWED.format(template.text)
    message: Message = {"match": match, "direct_response": {"status": 405, "body": {"inline_string": body}}}
    return {**message, "metadata": {"filter_metadata": metadata}} if metadata else message
