"""The gateway's own error responses, with Google's messages: `{"code": 404, "message": "…"}`."""

from __future__ import annotations

from gateway.api import Api
from gateway.envoy.messages import ALLOWED_ORIGIN, CONSUMER_NUMBER, Message, header, literal, named, typed

NOT_DEFINED = "The current request is not defined by this API."
KEY_MISSING = (
    "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity). Please use API"
    " Key or other form of API consumer identity to call this API."
)
KEY_INVALID = "INVALID_ARGUMENT: API key not valid. Please pass a valid API key."
NO_UPGRADE = "Upgrades, such as to WebSocket, are not supported; send the request without the Upgrade header."
# Empty, which leaves the header out, unless the route has this metadata.
ORIGIN_OF_ROUTE = f"%METADATA(ROUTE:{ALLOWED_ORIGIN}:origin)%"
UNREACHABLE = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"


def local_reply_config(api: Api) -> Message:
    """Google's status and message for each of these reasons; Envoy's other responses keep their own.

    Browsers may read them where the document lets browsers call, by an `options` operation.
    """
    not_enabled = f"PERMISSION_DENIED: API {api.service} is not enabled for the project."
    exhausted = (
        f"RESOURCE_EXHAUSTED: Quota exceeded of service '{literal(api.service)}' for consumer"
        f" 'project_number:%REQ({CONSUMER_NUMBER})%'."
    )
    mappers: list[Message] = [
        {**reason("route_not_found"), "body": {"inline_string": NOT_DEFINED}},
        {**reason("missing_api_key"), "body": {"inline_string": KEY_MISSING}},
        {**reason("unknown_api_key"), "body": {"inline_string": KEY_INVALID}, "status_code": 400},
        {**reason("client_not_allowed"), "body": {"inline_string": not_enabled}, "status_code": 403},
        {**reason("local_rate_limited"), "body_format_override": body_format(exhausted)},
        {**reason("upgrade_failed"), "body": {"inline_string": NO_UPGRADE}},
        # The first attempt failed, and the body is too long to have been kept for a retry: report the failure.
        {
            **reason("request_payload_exceeded_retry_buffer_limit"),
            "body": {"inline_string": UNREACHABLE},
            "status_code": 503,
        },
    ]
    if any(operation.method == "OPTIONS" for operation in api.operations):
        mappers = [for_browsers(mapper) for mapper in [*mappers, when("response.code >= 400")]]
    return {"body_format": body_format("%LOCAL_REPLY_BODY%"), "mappers": mappers}


def for_browsers(mapper: Message) -> Message:
    """The mapper with the header by which a browser shows the response to a page of any origin."""
    # A path that is not defined has no route, and so no metadata.
    origin = "*" if mapper.get("body") == {"inline_string": NOT_DEFINED} else ORIGIN_OF_ROUTE
    return {**mapper, "headers_to_add": [header("access-control-allow-origin", origin)]}


def reason(details: str) -> Message:
    """Matches responses that Envoy sends for this reason."""
    return when(f"response.code_details == '{details}'")


def when(expression: str) -> Message:
    """Matches responses for which the CEL expression is true."""
    only = typed("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression)
    return {"filter": {"extension_filter": named("reason", only)}}


def body_format(message: str) -> Message:
    return {"json_format": {"code": "%RESPONSE_CODE%", "message": message}, "content_type": "application/json"}
