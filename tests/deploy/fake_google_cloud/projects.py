"""Projects, their enabled APIs, billing, service accounts and policies."""

from __future__ import annotations

import re
import uuid

from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import NUMBER, PROJECT, Cloud, digest, refuse_if

# Those with API Gateway.
REGIONS = ("asia-northeast1", "europe-west1", "us-central1", "us-east1")


@route("", "GET", "v1/projects/{p}")
def project(cloud: Cloud, request: Request) -> Response:
    return {"projectId": PROJECT, "projectNumber": NUMBER, "name": PROJECT, "lifecycleState": "ACTIVE"}


@route("", "GET", "v1/projects/{p}/billingInfo")
def billing(cloud: Cloud, request: Request) -> Response:
    return {"name": f"projects/{PROJECT}/billingInfo", "projectId": PROJECT, "billingEnabled": True}


@route("", "GET", "v1/projects/{p}/locations")
def locations(cloud: Cloud, request: Request) -> Response:
    names = [*REGIONS, "global"]
    return {"locations": [{"name": f"projects/{PROJECT}/locations/{name}", "locationId": name} for name in names]}


@route("", "GET", "v2/projects/{p}/policies/{name}(:getEffectivePolicy)?")
def organisation_policy(cloud: Cloud, request: Request, name: str) -> Response:
    rules = [{"enforce": name in cloud.forbidden}]
    return {"name": f"projects/{NUMBER}/policies/{name}", "spec": {"rules": rules}}


@route("", "GET POST", r"v[12]/(?P<name>(projects/[^/]+/locations/[^/]+/)?operations/[^/:]+)(:wait)?")
def operation(cloud: Cloud, request: Request, name: str) -> Response:
    found = cloud.operations.get(name)
    refuse_if(found is None, 404, f"Operation '{name}' was not found")
    assert found
    return found


@route("", "GET", "v1/projects/{p}/services")
def services(cloud: Cloud, request: Request) -> Response:
    prefix = f"projects/{PROJECT}/services/"
    names = [name.removeprefix(prefix) for name in sorted(cloud.resources) if name.startswith(prefix)]
    return {"services": [_service(name) for name in names if cloud.enabled(name)]}


@route("", "GET", "v1/projects/{p}/services/{name}")
def service(cloud: Cloud, request: Request, name: str) -> Response:
    return {**_service(name), "state": "ENABLED" if cloud.enabled(name) else "DISABLED"}


@route("", "POST", "v1/projects/{p}/services:batchEnable", "v1/projects/{p}/services/{name}:(?P<verb>enable|disable)")
def change_services(cloud: Cloud, request: Request, name: str = "", verb: str = "enable") -> Response:
    names = [name] if name else request.body.get("serviceIds", [])
    managed = {api["managedService"] for api in cloud.children(f"projects/{PROJECT}/locations/global", "apis")}
    for one in names:
        known = one in managed or one.endswith(".googleapis.com")
        refuse_if(
            not known and not cloud.enabled(one),
            403,
            f"Not found or permission denied for service(s): {one}.",
            reason="SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
        )
    usage = request.body.get("checkIfServiceHasUsage") == "CHECK" and cloud.used
    refuse_if(
        verb == "disable" and usage,
        400,
        f"The service {names[0]} has been used in the last 30 days or was enabled in the recent 3 days. Re-run with"
        " --force to disable it anyway.",
        "FAILED_PRECONDITION",
        reason="SERVICE_HAS_USAGE",
    )
    failing = request.failing()
    for one in [] if failing else names:
        if verb == "enable":
            cloud.enable(one)
        else:
            cloud.remove(f"projects/{PROJECT}/services/{one}")
    return cloud.operation(verb, error=failing, name=f"operations/acat.p2-{NUMBER}-{uuid.uuid4()}")


@route("iam", "GET POST", "v1/projects/{p}/serviceAccounts")
def accounts(cloud: Cloud, request: Request) -> Response:
    if request.method == "GET":
        return {"accounts": cloud.children(f"projects/{PROJECT}", "serviceAccounts")}
    wanted = request.body["accountId"]
    refuse_if(
        not re.fullmatch(r"[a-z][-a-z0-9]{4,28}[a-z0-9]", wanted), 400, f"The account ID {wanted!r} is not valid."
    )
    email = f"{wanted}@{PROJECT}.iam.gserviceaccount.com"
    name, unique = f"projects/{PROJECT}/serviceAccounts/{email}", str(int(digest(email), 16))[:21]
    made = {
        "name": name,
        "email": email,
        "projectId": PROJECT,
        "uniqueId": unique,
        **request.body.get("serviceAccount", {}),
    }
    return cloud.create(name, made, f"Service account {wanted} already exists within project projects/{PROJECT}.")


@route("iam", "GET DELETE", "v1/projects/{p}/serviceAccounts/{email}")
def account(cloud: Cloud, request: Request, email: str) -> Response:
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    found = cloud.need(name, "Unknown service account")
    if request.method == "DELETE":
        cloud.remove(name)
        return {}
    return found


@route("", "GET POST", r"v1/(?P<name>projects/[^:]+):(?P<verb>getIamPolicy|setIamPolicy|testIamPermissions)")
def policy(cloud: Cloud, request: Request, name: str, verb: str) -> Response:
    if verb == "testIamPermissions":
        return {"permissions": request.body.get("permissions", [])}
    if "/" in name.removeprefix("projects/"):
        cloud.need(name)
    current = cloud.policies.get(name, {"version": 1, "etag": "ACAB"})
    if verb == "getIamPolicy":
        return current
    wanted = request.body["policy"]
    refuse_if(
        wanted.get("etag", current["etag"]) != current["etag"],
        409,
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
        "ABORTED",
    )
    for member in [member for binding in wanted.get("bindings", []) for member in binding["members"]]:
        kind, _, who = member.partition(":")
        own = who.endswith(f"@{PROJECT}.iam.gserviceaccount.com")  # the others are Google's
        missing = kind == "serviceAccount" and own and not cloud.account(who)
        refuse_if(missing, 400, f"Service account {who} does not exist.")
    cloud.policies[name] = {"version": 1, **wanted, "etag": uuid.uuid4().hex[:8]}
    return cloud.policies[name]


def _service(name: str) -> dict[str, object]:
    return {"name": f"projects/{NUMBER}/services/{name}", "config": {"name": name, "title": name}, "state": "ENABLED"}
