"""The access log: one JSON line for each request, without the query, which may contain keys and tokens."""

from __future__ import annotations

from gateway.envoy.messages import CONSUMER_NUMBER, Message, named, typed

FIELDS = {
    "time": "%START_TIME%",
    "protocol": "%PROTOCOL%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "operation": "%ROUTE_NAME%",
    "backend": "%UPSTREAM_CLUSTER_RAW%",
    "consumer": f"%REQ({CONSUMER_NUMBER})%",
    "duration_ms": "%DURATION%",
    "backend_ms": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "backend_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "flags": "%RESPONSE_FLAGS%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "user_agent": "%REQ(USER-AGENT)%",
}


def access_log() -> list[Message]:
    stream = typed("extensions.access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": FIELDS})
    return [named("envoy.access_loggers.stdout", stream)]
