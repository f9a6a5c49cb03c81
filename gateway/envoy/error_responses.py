"""The gateway's own error responses, with Google's messages: `{"code": 404, "message": "…"}`."""

from __future__ import annotations

from gateway.api import Api
from gateway.envoy.messages import CONSUMER_NUMBER, Message, literal, named, typed

NOT_DEFINED = "The current request is not defined by this API."
KEY_MISSING = (
    "UNAUTHENTICATED: Method doesn't allow unregistered callers (callers without established identity). Please use API"
    " Key or other form of API consumer identity to call this API."
)
KEY_INVALID = "INVALID_ARGUMENT: API key not valid. Please pass a valid API key."
UNREACHABLE = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"


def local_reply_config(api: Api) -> Message:
    """Google's status and message for each of these reasons; Envoy's other responses keep their own."""
    not_enabled = f"PERMISSION_DENIED: API {api.service} is not enabled for the project."
    exhausted = (
        f"RESOURCE_EXHAUSTED: Quota exceeded of service '{literal(api.service)}' for consumer"
        f" 'project_number:%REQ({CONSUMER_NUMBER})%'."
    )
    return {
        "body_format": body_format("%LOCAL_REPLY_BODY%"),
        "mappers": [
            {**reason("route_not_found"), "body": {"inline_string": NOT_DEFINED}},
            {**reason("missing_api_key"), "body": {"inline_string": KEY_MISSING}},
            {**reason("unknown_api_key"), "body": {"inline_string": KEY_INVALID}, "status_code": 400},
            {**reason("client_not_allowed"), "body": {"inline_string": not_enabled}, "status_code": 403},
            {**reason("local_rate_limited"), "body_format_override": body_format(exhausted)},
            # The first attempt failed, and the body is too long to have been kept for a retry: report the failure.
            {
                **reason("request_payload_exceeded_retry_buffer_limit"),
                "body": {"inline_string": UNREACHABLE},
                "status_code": 503,
            },
        ],
    }


def reason(details: str) -> Message:
    """Matches responses that Envoy sends for this reason."""
    only = typed(
        "extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=f"response.code_details == '{details}'"
    )
    return {"filter": {"extension_filter": named("reason", only)}}


def body_format(message: str) -> Message:
    return {"json_format": {"code": "%RESPONSE_CODE%", "message": message}, "content_type": "application/json"}
