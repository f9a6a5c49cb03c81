"""Cloud Run's Knative API; the region is in the host name."""

from __future__ import annotations

import copy
import json
import re
import uuid
from typing import Any

from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import NUMBER, PROJECT, Cloud, Resource, now, refuse_if

KNATIVE = "apis/serving.knative.dev/v1/namespaces/{p}"
SERVICE = "google.cloud.run.v1.Service"
PLACE = f"projects/{PROJECT}/locations"


@route("run", "GET POST", KNATIVE + "/(?P<kind>services|revisions)")
def collection(cloud: Cloud, request: Request, kind: str) -> Response:
    place = f"{PLACE}/{request.region}"
    if request.method == "POST":
        name = request.body["metadata"]["name"]
        refuse_if(f"{place}/services/{name}" in cloud.resources, 409, f"Resource '{name}' already exists.")
        return _applied(cloud, request, None)
    selected = [term.partition("=") for term in request.query.get("labelSelector", "").split(",") if term]
    found = [
        item
        for item in cloud.children(place, kind)
        if all(item["metadata"]["labels"].get(key.strip()) == value.strip("= ") for key, _, value in selected)
    ]
    items = [_seen(item, cloud) for item in found]
    return {"apiVersion": "serving.knative.dev/v1", "kind": f"{kind.title()[:-1]}List", "metadata": {}, "items": items}


@route("run", "GET PUT DELETE", KNATIVE + "/(?P<kind>services|revisions)/{name}")
def one(cloud: Cloud, request: Request, kind: str, name: str) -> Response:
    place = f"{PLACE}/{request.region}"
    missing = f"Resource '{name}' of kind '{kind.upper()[:-1]}' in region '{request.region}' does not exist."
    found = cloud.need(f"{place}/{kind}/{name}", missing)
    if request.method == "PUT":
        asked, current = request.body["metadata"].get("resourceVersion"), found["metadata"]["resourceVersion"]
        stale = asked and asked != current
        refuse_if(stale, 409, f"Conflict for resource '{name}': version '{asked}' is not '{current}'.", "ABORTED")
        return _applied(cloud, request, found)
    if request.method == "DELETE":
        for revision in cloud.children(place, "revisions"):
            if revision["metadata"]["labels"]["serving.knative.dev/service"] == name:
                cloud.remove(f"{place}/revisions/{revision['metadata']['name']}")
        cloud.remove(f"{place}/services/{name}")
        return {"status": "Success", "details": {"name": name, "kind": kind}}
    return _seen(found, cloud)


@route("run", "GET POST", r"v1/projects/{p}/locations/{place}/services/{name}:(?P<verb>getIamPolicy|setIamPolicy)")
def policy(cloud: Cloud, request: Request, place: str, name: str, verb: str) -> Response:
    from tests.deploy.fake_google_cloud.projects import policy as any_policy

    return any_policy(cloud, request, name=f"{PLACE}/{place}/services/{name}", verb=verb)


def _applied(cloud: Cloud, request: Request, before: Resource | None) -> Resource:
    """Creates or replaces a service, with a new revision if its template changed."""
    body, place = request.body, f"{PLACE}/{request.region}"
    name, spec = body["metadata"]["name"], copy.deepcopy(body["spec"])
    refuse_if(not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name), 400, "metadata.name: must be shorter than 50")
    template = spec["template"]
    for meta in (body["metadata"], template["metadata"]):
        for key, value in meta.get("labels", {}).items():
            # Google's own are not held to it.
            bad = "googleapis.com/" not in key and not re.fullmatch(r"[a-z][\w-]{0,62}=[\w-]{0,63}", f"{key}={value}")
            refuse_if(bad, 400, f"At least one label does not conform to GCP naming style: {key}={value}")
    late = _found_late(cloud, request, template["spec"])
    _complete(template["spec"])
    old_spec, old_status = (before or {}).get("spec", {}), (before or {}).get("status", {})
    meta = copy.deepcopy((before or {}).get("metadata", {"generation": 0, "uid": str(uuid.uuid4())}))
    meta["generation"] += old_spec != spec
    revision = old_status.get("latestCreatedRevisionName")
    if old_spec.get("template") != template:
        revision = f"{name}-{meta['generation']:05d}-{uuid.uuid4().hex[:3]}"
        labels = {**template["metadata"].get("labels", {}), "serving.knative.dev/service": name}
        cloud.resources[f"{place}/revisions/{revision}"] = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": revision, "namespace": NUMBER, "labels": labels, "creationTimestamp": now()},
            "spec": template["spec"],
            "status": {"conditions": _conditions(not late, late)},
        }
    pinned = [t["revisionName"] for t in spec["traffic"] if t.get("revisionName")]
    gone = [name for name in pinned if f"{place}/revisions/{name}" not in cloud.resources]
    late = late or (f"Revision '{gone[0]}' not found." if gone else "")
    ready = old_status.get("latestReadyRevisionName") if late else revision
    url = f"https://{name}-{NUMBER}.{request.region}.run.app"
    status = {"url": url, "address": {"url": url}, "latestCreatedRevisionName": revision}
    traffic = [
        {
            **part,
            "revisionName": part.get("revisionName") or ready,
            **({"url": url.replace("://", f"://{part['tag']}---")} if "tag" in part else {}),
        }
        for part in spec["traffic"]
    ]
    meta |= {
        "name": name,
        "namespace": NUMBER,
        "resourceVersion": uuid.uuid4().hex,
        "labels": {**body["metadata"].get("labels", {}), "cloud.googleapis.com/location": request.region},
        "annotations": {
            **body["metadata"].get("annotations", {}),
            "run.googleapis.com/operation-id": str(uuid.uuid4()),
            "run.googleapis.com/urls": json.dumps([url]),
        },
    }
    made = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": meta,
        "spec": spec,
        "status": {
            **old_status,
            **status,
            "observedGeneration": meta["generation"],
            "conditions": _conditions(None, "Deploying revision."),
        },
        "_ended": {
            **({"latestReadyRevisionName": ready} if ready else {}),
            "traffic": old_status.get("traffic", []) if late else traffic,
            "conditions": _conditions(not late, late),
        },
    }
    cloud.resources[f"{place}/services/{name}"] = made
    operation = meta["annotations"]["run.googleapis.com/operation-id"]
    cloud.operation("update", f"{place}/services/{name}", kind=SERVICE, name=f"{place}/operations/{operation}")
    return _seen(made, cloud)


def _seen(item: Resource, cloud: Cloud) -> Resource:
    """The service in its present state; the next read sees the end of the rollout."""
    shown = copy.deepcopy({key: value for key, value in item.items() if not key.startswith("_")})
    item["status"] |= item.pop("_ended", {})
    return shown


def _found_late(cloud: Cloud, request: Request, spec: dict[str, Any]) -> str:
    """Raises for an invalid manifest; returns the error of the rollout, if any."""
    account = spec["serviceAccountName"]
    denied = f"Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist)."
    refuse_if(not cloud.account(account), 403, denied)
    for container in spec["containers"]:
        image = container["image"].partition("@")[0]
        if f"images/{image}" not in cloud.resources:
            return f"Image '{container['image']}' not found."
        taken = {item["name"] for item in container.get("env", [])} & {"PORT", "K_SERVICE", "K_REVISION"}
        refuse_if(taken, 400, f"The following reserved env names were provided: {sorted(taken)}")
    for volume in spec.get("volumes", []):
        secret = volume["secret"]["secretName"]
        if not cloud.children(f"projects/{PROJECT}/secrets/{secret}", "versions"):
            return f"Secret projects/{PROJECT}/secrets/{secret}/versions/latest was not found"
        readers = cloud.policies.get(f"projects/{PROJECT}/secrets/{secret}", {}).get("bindings", [])
        if not any(f"serviceAccount:{account}" in binding["members"] for binding in readers):
            return f"Permission denied on secret {secret} for {account}"
    return request.failing()


def _complete(spec: dict[str, Any]) -> None:
    """Adds the fields that the API adds."""
    spec.setdefault("containerConcurrency", 80)
    for container in spec["containers"]:
        container["startupProbe"] = {"successThreshold": 1, **container.get("startupProbe", {})}


def _conditions(ready: bool | None, message: str) -> list[Resource]:
    status = {True: "True", False: "False", None: "Unknown"}[ready]
    reason = {True: "", False: "HealthCheckContainerError", None: "Deploying"}[ready]
    said = "" if ready else message
    return [
        {"type": kind, "status": status, "reason": reason, "message": said, "lastTransitionTime": now()}
        for kind in ("Ready", "ConfigurationsReady", "RoutesReady")
    ]
