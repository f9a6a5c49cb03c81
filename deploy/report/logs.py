"""The log of a service: one line per request or message, from the JSON lines that the services write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy.cloud.commands import Commands
from deploy.cloud.gcloud import Gcloud
from deploy.settings import DeploySettings

POLL_SECONDS = 3.0
FOLLOWED_LINES = 500


def log_filter(settings: DeploySettings, service: str, request_id: str = "", since: str = "") -> str:
    """The filter for Cloud Logging: a service, or all of ours, and perhaps a request or the time after which."""
    terms = ['resource.type="cloud_run_revision"', f'resource.labels.location="{settings.region}"']
    terms.append(f'resource.labels.service_name="{service}"' if service else 'resource.labels.service_name:"guichet-"')
    if request_id:
        terms.append(f'jsonPayload.request_id="{request_id}"')
    if since:
        terms.append(f'timestamp>="{since}"')
    return " AND ".join(terms)


def read_lines(gcloud: Gcloud, settings: DeploySettings, service: str, limit: int, request_id: str = "") -> list[str]:
    """The newest lines, oldest first."""
    found = gcloud.json(Commands(settings).read_logs(log_filter(settings, service, request_id), limit)) or []
    return [line(entry) for entry in reversed(found)]


def follow(
    gcloud: Gcloud, settings: DeploySettings, service: str, limit: int, request_id: str, stop: threading.Event
) -> Iterator[str]:
    """The newest lines, then new ones as they arrive, until `stop` is set."""
    since, seen = "", set[str]()
    while True:
        filter = log_filter(settings, service, request_id, since)
        found = gcloud.json(Commands(settings).read_logs(filter, FOLLOWED_LINES if since else limit)) or []
        for entry in reversed(found):
            if entry["insertId"] not in seen:
                yield line(entry)
                seen.add(entry["insertId"])
                since = max(since, entry["timestamp"])
        if stop.wait(POLL_SECONDS):
            return


def line(entry: Mapping[str, Any]) -> str:
    """One line for a log entry: time, severity, message, and what a request has besides."""
    payload: Mapping[str, Any] = entry.get("jsonPayload", {})
    request: Mapping[str, Any] = entry.get("httpRequest", {})
    text = str(payload.get("message") or entry.get("textPayload", "")).rstrip()
    if request and not text:
        text = f"{request.get('requestMethod', '')} {request.get('requestUrl', '')} {request.get('status', '')}"
    show: dict[str, Callable[[Any], str]] = {
        "milliseconds": lambda value: f"{value:g} ms",
        "code": str,
        "timing": str,
        "kind": str,
        "place": str,
        "request_id": str,
    }
    more = [show[name](payload[name]) for name in show if name in payload]
    severity = entry.get("severity", "DEFAULT")
    revision = entry.get("resource", {}).get("labels", {}).get("revision_name", "")
    # Text of requests may be in it: nothing that a terminal would act on.
    shown = "  ".join([entry.get("timestamp", "")[:23], f"{severity:<7}", revision, text, *more])
    return "".join(character if character.isprintable() else " " for character in shown)
