"""Metrics, dashboards and alerts: stored as they are sent, with a name."""

from __future__ import annotations

import uuid

from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud, digest

PATHS = ("v1/projects/{p}/(?P<kind>dashboards)", "v3/projects/{p}/(?P<kind>alertPolicies)")
METRICS = "v2/projects/{p}/(?P<kind>metrics)"


@route("monitoring", "GET POST", *PATHS)
@route("logging", "GET POST", METRICS)
def collection(cloud: Cloud, request: Request, kind: str) -> Response:
    if request.method == "GET":
        return {kind: cloud.children(f"projects/{PROJECT}", kind)}
    own = request.body["name"] if kind == "metrics" else digest(request.body["displayName"])[:18]
    name = f"projects/{PROJECT}/{kind}/{own}"
    if kind != "metrics" and name in cloud.resources:
        name += f"-{uuid.uuid4()}"
    return cloud.create(name, {**request.body, "name": own if kind == "metrics" else name})


@route("monitoring", "DELETE", *(f"{path}/{{own}}" for path in PATHS))
@route("logging", "GET PUT DELETE", METRICS + "/{own}")
def one(cloud: Cloud, request: Request, kind: str, own: str) -> Response:
    name = f"projects/{PROJECT}/{kind}/{own}"
    found = cloud.need(name)
    if request.method == "PUT":
        found.update(request.body)
    if request.method == "DELETE":
        cloud.remove(name)
        return {}
    return found
