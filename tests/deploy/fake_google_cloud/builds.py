"""Cloud Build: submissions are checked, and end at once."""

from __future__ import annotations

import base64
import json
import re
import uuid

from tests.deploy.fake_google_cloud.artifacts import store
from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import NUMBER, PROJECT, Cloud, Resource, digest, now, refuse_if

BUILD_ACCOUNT = f"{NUMBER}-compute@developer.gserviceaccount.com"
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "PROJECT_NUMBER", "LOCATION"}
META = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"


@route("cloudbuild", "POST", "v1/projects/{p}/locations/{place}/builds", "v1/projects/{p}/builds")
def submit(cloud: Cloud, request: Request, place: str = "global") -> Response:
    build, number = request.body, str(uuid.uuid4())
    _check(build)
    bindings = cloud.policies.get(f"projects/{PROJECT}", {}).get("bindings", [])
    able = any(f"serviceAccount:{BUILD_ACCOUNT}" in binding["members"] for binding in bindings)
    refuse_if(
        cloud.poor_builds and not able,
        400,
        f"could not resolve source: googleapi: Error 403: {BUILD_ACCOUNT} does not have storage.objects.get access to"
        " the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).,"
        " forbidden",
    )
    source = build.get("source", {}).get("storageSource", {})
    if source:
        cloud.need(f"objects/{source['bucket']}/{source['object']}", "source object not found")
    values = {"PROJECT_ID": PROJECT, "BUILD_ID": number, **build.get("substitutions", {})}
    images = [
        re.sub(r"\$\{?([A-Z_][A-Z0-9_]*)\}?", lambda found: values[found[1]], tag) for tag in build.get("images", [])
    ]
    error = request.failing()
    for image in images:
        found = re.match(r"([a-z0-9-]+)-docker\.pkg\.dev/[^/]+/([^/]+)/", image)
        assert found, image
        if f"projects/{PROJECT}/locations/{found[1]}/repositories/{found[2]}" not in cloud.resources:
            error = error or f'failed to push "{image}": Repository "{found[2]}" not found'
    name, bucket = (
        f"projects/{PROJECT}/locations/{place}/builds/{number}",
        f"{NUMBER}.cloudbuild-logs.googleusercontent.com",
    )
    ended: Resource = {"status": "FAILURE" if error else "SUCCESS", "finishTime": now(), "images": images}
    if error:
        ended |= {"statusDetail": error, "failureInfo": {"type": "USER_BUILD_STEP", "detail": error}}
    else:
        pushed = [{"name": image, "digest": f"sha256:{digest(image)}"} for image in images]
        ended["results"] = {"images": pushed, "buildStepImages": [""] * len(build["steps"])}
        cloud.resources |= {f"images/{image['name']}": {"digest": image["digest"]} for image in pushed}
    lines = ["BUILD", *(f"Step #{i}: {step['name']}" for i, step in enumerate(build["steps"]))]
    store(cloud, bucket, f"log-{number}.txt", "\n".join([*lines, f"ERROR: {error}" if error else "DONE", ""]).encode())
    cloud.resources[name] = {
        **build,
        "name": f"projects/{NUMBER}/locations/{place}/builds/{number}",
        "id": number,
        "projectId": PROJECT,
        "status": "QUEUED",
        "createTime": now(),
        "logsBucket": f"gs://{bucket}",
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds/{number}?project={NUMBER}",
        "_ended": ended,
        "_looks": cloud.slow,
    }
    started = {"name": f"operations/build/{PROJECT}/{base64.b64encode(number.encode()).decode()}", "done": False}
    return {**started, "metadata": {"@type": META, "build": _seen(cloud.resources[name])}}


@route("cloudbuild", "GET", "v1/projects/{p}/locations/{place}/defaultServiceAccount")
def build_account(cloud: Cloud, request: Request, place: str) -> Response:
    parent = f"projects/{PROJECT}"
    return {
        "name": f"{parent}/locations/{place}/defaultServiceAccount",
        "serviceAccountEmail": f"{parent}/serviceAccounts/{BUILD_ACCOUNT}",
    }


@route("cloudbuild", "GET", "v1/projects/{p}/locations/{place}/builds", "v1/projects/{p}/builds")
def listed(cloud: Cloud, request: Request, place: str = "global") -> Response:
    found = cloud.children(f"projects/{PROJECT}/locations/{place}", "builds")
    newest = sorted(found, key=lambda build: str(build["createTime"]), reverse=True)
    return {"builds": [_seen(build) for build in newest]}


@route("cloudbuild", "GET", "v1/projects/{p}/locations/{place}/builds/{number}", "v1/projects/{p}/builds/{number}")
def described(cloud: Cloud, request: Request, number: str, place: str = "global") -> Response:
    return _seen(cloud.need(f"projects/{PROJECT}/locations/{place}/builds/{number}"))


def _seen(build: Resource) -> Resource:
    """The build in its present state; the next read sees the next state."""
    shown = {key: value for key, value in build.items() if not key.startswith("_")}
    if build["status"] in ("QUEUED", "WORKING"):
        build["_looks"] -= 1
        build.update({"status": "WORKING"} if build["_looks"] >= 0 else build["_ended"])
    return shown


def _check(build: Resource) -> None:
    """Rejects what Cloud Build rejects."""
    refuse_if(not build.get("steps"), 400, "invalid build: must have at least one step")
    given = set(build.get("substitutions", {}))
    template = json.dumps({key: value for key, value in build.items() if key not in ("substitutions", "source")})
    used = {
        name for pair in re.findall(r"\$(?:\{([A-Z_][A-Z0-9_]*)|([A-Z_][A-Z0-9_]*))", template) for name in pair if name
    }
    unknown, unused = used - given - BUILT_IN, given - used
    where = "invalid value for 'build.substitutions': key"
    refuse_if(
        unknown, 400, f"{where} in the template {min(unknown, default='')!r} is not a valid built-in substitution"
    )
    refuse_if(
        unused, 400, f"{where} {min(unused, default='')!r} in the substitution data is not matched in the template"
    )
