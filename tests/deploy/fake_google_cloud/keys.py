"""API keys and secrets; both name their resources with the project's number."""

from __future__ import annotations

import base64
import uuid

from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import (
    NUMBER,
    PROJECT,
    Cloud,
    Resource,
    decoded,
    digest,
    now,
    refuse_if,
    shown,
)

PLACE = f"projects/{PROJECT}/locations/global"


@route("apikeys", "GET POST", "v2/projects/{p}/locations/global/keys")
def keys(cloud: Cloud, request: Request) -> Response:
    if request.method == "GET":
        found = cloud.children(PLACE, "keys")
        return {"keys": [_key(key) for key in found if "deleteTime" not in key or request.query.get("showDeleted")]}
    own = request.query.get("keyId") or str(uuid.uuid4())
    name = f"{PLACE}/keys/{own}"
    made = {
        **request.body,
        "name": f"projects/{NUMBER}/locations/global/keys/{own}",
        "uid": str(uuid.uuid4()),
        "createTime": now(),
        "keyString": f"AIza{digest(name + str(uuid.uuid4()))[:35]}",
    }
    cloud.create(name, made)
    return _operation(cloud, "create", name, "google.api.apikeys.v2.Key", request.failing())


@route("apikeys", "GET DELETE", "v2/projects/{p}/locations/global/keys/{own}(?P<string>/keyString)?")
def key(cloud: Cloud, request: Request, own: str, string: str = "") -> Response:
    found = cloud.need(f"{PLACE}/keys/{own}")
    refuse_if("deleteTime" in found, 404, f"Resource '{PLACE}/keys/{own}' was not found")
    if request.method == "DELETE":
        failing = request.failing()
        if not failing:
            # For 30 days it is only marked, and keeps its name.
            found["deleteTime"] = now()
            found["keyString"] = ""
        return _operation(cloud, "mark", f"{PLACE}/keys/{own}", "", failing)
    return {"keyString": found["keyString"]} if string else _key(found)


@route("secretmanager", "GET POST", "v1/projects/{p}/secrets")
def secrets(cloud: Cloud, request: Request) -> Response:
    if request.method == "GET":
        return {"secrets": [_named(secret) for secret in cloud.children(f"projects/{PROJECT}", "secrets")]}
    own = request.query["secretId"]
    name = f"projects/{PROJECT}/secrets/{own}"
    made = {**request.body, "name": name, "createTime": now(), "etag": '"1"'}
    return _named(cloud.create(name, made, f"Secret [projects/{NUMBER}/secrets/{own}] already exists."))


@route("secretmanager", "GET DELETE", "v1/projects/{p}/secrets/{own}")
def secret(cloud: Cloud, request: Request, own: str) -> Response:
    name = f"projects/{PROJECT}/secrets/{own}"
    found = cloud.need(name, f"Secret [projects/{NUMBER}/secrets/{own}] not found.")
    if request.method == "DELETE":
        cloud.remove(name)
        return {}
    return _named(found)


@route("secretmanager", "POST", "v1/projects/{p}/secrets/{own}:addVersion")
def add_version(cloud: Cloud, request: Request, own: str) -> Response:
    name = f"projects/{PROJECT}/secrets/{own}"
    cloud.need(name, f"Secret [projects/{NUMBER}/secrets/{own}] not found.")
    content = decoded(request.body["payload"].get("data", ""))
    refuse_if(not 0 < len(content) <= 65536, 400, "The secret payload must have between 1 and 65536 bytes.")
    version = f"{name}/versions/{len(cloud.children(name, 'versions')) + 1}"
    made = {"name": version, "createTime": now(), "state": "ENABLED", "_content": base64.b64encode(content).decode()}
    return {**_named(cloud.create(version, made)), "clientSpecifiedPayloadChecksum": True}


@route("secretmanager", "GET", "v1/projects/{p}/secrets/{own}/versions")
def versions(cloud: Cloud, request: Request, own: str) -> Response:
    found = cloud.children(f"projects/{PROJECT}/secrets/{own}", "versions")
    newest = sorted(found, key=lambda version: -int(version["name"].rsplit("/", 1)[-1]))
    return {"versions": [_named(version) for version in newest], "totalSize": len(newest)}


@route("secretmanager", "GET", "v1/projects/{p}/secrets/{own}/versions/{number}:access")
def access(cloud: Cloud, request: Request, own: str, number: str) -> Response:
    name = f"projects/{PROJECT}/secrets/{own}"
    newest = str(len(cloud.children(name, "versions")))
    found = cloud.need(f"{name}/versions/{newest if number == 'latest' else number}", "Secret Version not found.")
    off = found["state"] != "ENABLED"
    refuse_if(off, 400, f"Secret Version [{found['name']}] is in {found['state']} state.", "FAILED_PRECONDITION")
    return {"name": found["name"], "payload": {"data": found["_content"]}}


@route("secretmanager", "POST", "v1/projects/{p}/secrets/{own}/versions/{number}:destroy")
def destroy(cloud: Cloud, request: Request, own: str, number: str) -> Response:
    found = cloud.need(f"projects/{PROJECT}/secrets/{own}/versions/{number}", "Secret Version not found.")
    found["state"] = "DESTROYED"
    return _named(found)


def content(cloud: Cloud, own: str) -> str:
    """The newest version's content."""
    found = access(cloud, Request("GET", ""), own, "latest")
    assert isinstance(found, dict)
    return base64.b64decode(found["payload"]["data"]).decode()


def _key(key: Resource) -> Resource:
    return {name: value for name, value in key.items() if name != "keyString"}


def _named(item: Resource) -> Resource:
    return {**shown(item), "name": item["name"].replace(f"projects/{PROJECT}/", f"projects/{NUMBER}/")}


def _operation(cloud: Cloud, verb: str, name: str, kind: str, error: str) -> Resource:
    return cloud.operation(verb, name, kind=kind, error=error, name=f"operations/akmf.p7-{NUMBER}-{uuid.uuid4()}")
