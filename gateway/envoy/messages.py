"""Envoy's protobuf messages as dicts, and the names that several of them use."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]

BODY_SIZE_LIMIT = "envoy.filters.http.body_size_limit"
API_KEY = "envoy.filters.http.api_key_auth"
JWT = "envoy.filters.http.jwt_authn"
QUOTA = "envoy.filters.http.local_ratelimit"
LUA = "envoy.filters.http.lua"
ROUTER = "envoy.filters.http.router"

# The route metadata with the origin that may read the gateway's own errors.
ALLOWED_ORIGIN = "allowed_origin"
# The effective method (X-HTTP-Method-Override or the request's own); used inside the gateway only.
METHOD = "x-gateway-method"
METHOD_OVERRIDE = "x-http-method-override"
CONSUMER_NUMBER = "x-apigateway-api-consumer-number"
CONSUMER_TYPE = "x-apigateway-api-consumer-type"
USERINFO = "x-apigateway-api-userinfo"
ORIGINAL_PATH = "x-envoy-original-path"
FORWARDED_AUTHORIZATION = "x-forwarded-authorization"


def typed(name: str, /, **fields: Any) -> Message:
    """A message of type `envoy.NAME`, packed as `Any`."""
    return {"@type": f"type.googleapis.com/envoy.{name}", **fields}


def named(name: str, message: Message) -> Message:
    """An extension with its configuration."""
    return {"name": name, "typed_config": message}


def literal(text: str) -> str:
    """The text for a field in which Envoy replaces commands such as `%ENVIRONMENT(NAME)%`."""
    return text.replace("%", "%%")


def header(name: str, value: str) -> Message:
    """Sets a header, replacing any former value; an empty value leaves it out."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def socket(host: str, port: int) -> Message:
    return {"socket_address": {"address": host, "port_value": port}}


def seconds(milliseconds: int) -> str:
    """A protobuf duration in JSON."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}s"
