"""Image repositories, and the bucket with the sources and logs of builds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import urllib.parse
import uuid

from tests.deploy.fake_google_cloud.routing import RawResponse, Request, Response, route
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud, Resource, now, refuse_if, shown

REPOSITORY = "google.devtools.artifactregistry.v1.Repository"


@route("artifactregistry", "GET POST", "v1(beta2)?/projects/{p}/locations/{place}/repositories")
def repositories(cloud: Cloud, request: Request, place: str) -> Response:
    parent = f"projects/{PROJECT}/locations/{place}"
    if request.method == "GET":
        return {"repositories": cloud.children(parent, "repositories")}
    name = f"{parent}/repositories/{request.query['repositoryId']}"
    made = {**request.body, "name": name, "createTime": now(), "updateTime": now(), "sizeBytes": "0"}
    cloud.create(name, made, "the repository already exists")
    return cloud.operation("create", name, kind=REPOSITORY, error=request.failing(), name=_operation(parent))


@route("artifactregistry", "GET DELETE", "v1(beta2)?/projects/{p}/locations/{place}/repositories/{name}")
def repository(cloud: Cloud, request: Request, place: str, name: str) -> Response:
    parent = f"projects/{PROJECT}/locations/{place}"
    found = cloud.need(f"{parent}/repositories/{name}", "Requested entity was not found.")
    if request.method == "GET":
        return found
    return cloud.operation("delete", found["name"], error=request.failing(), name=_operation(parent))


@route("storage", "GET POST", "storage/v1/b", "storage/v1/b/{bucket}")
def buckets(cloud: Cloud, request: Request, bucket: str = "") -> Response:
    if request.method == "POST":
        bucket = request.body["name"]
        made = {"kind": "storage#bucket", "id": bucket, "location": "US", "timeCreated": now(), **request.body}
        return cloud.create(f"buckets/{bucket}", made, "You already own this bucket.")
    if bucket:
        return cloud.need(f"buckets/{bucket}", "The specified bucket does not exist.")
    prefix = "buckets/" + request.query.get("prefix", "")
    return {"items": [found for name, found in cloud.resources.items() if name.startswith(prefix)]}


@route("storage", "GET", "storage/v1/b/{bucket}/storageLayout")
def storage_layout(cloud: Cloud, request: Request, bucket: str) -> Response:
    return {"kind": "storage#storageLayout", "bucket": bucket, "hierarchicalNamespace": {"enabled": False}}


@route("storage", "POST PUT", "(resumable/)?upload/storage/v1/b/{bucket}/o")
def upload(cloud: Cloud, request: Request, bucket: str) -> Response:
    """Uploads of `gcloud builds submit`, as a multipart request or as a session."""
    cloud.need(f"buckets/{bucket}", "The specified bucket does not exist.")
    if request.query.get("uploadType") == "multipart":
        boundary = re.search(r"boundary=[\"']?([^\"';]+)", request.headers["Content-Type"])
        assert boundary
        meta, media = (
            re.split(rb"\r?\n\r?\n", part, maxsplit=1)[1]
            for part in request.raw.split(b"--" + boundary[1].encode())[1:3]
        )
        return store(
            cloud, bucket, request.query.get("name") or json.loads(meta)["name"], re.sub(rb"\r?\n\Z", b"", media)
        )
    if "upload_id" not in request.query:  # in several requests: first a session, then all of it
        session = uuid.uuid4().hex
        cloud.resources[f"uploads/{session}"] = {"name": request.query.get("name") or request.body["name"]}
        place = f"http://{cloud.address}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
        return RawResponse(200, headers={"Location": place})
    session = f"uploads/{request.query['upload_id']}"
    name = cloud.need(session)["name"]
    cloud.remove(session)
    return store(cloud, bucket, name, request.raw)


@route("storage", "GET", "storage/v1/b/{bucket}/o")
def listed(cloud: Cloud, request: Request, bucket: str) -> Response:
    prefix = f"objects/{bucket}/{request.query.get('prefix', '')}"
    return {"items": [shown(found) for name, found in cloud.resources.items() if name.startswith(prefix)]}


@route("storage", "DELETE", "storage/v1/b/{bucket}/o/(?P<name>.+)")
def deleted(cloud: Cloud, request: Request, bucket: str, name: str) -> Response:
    cloud.need(f"objects/{bucket}/{urllib.parse.unquote(name)}")
    cloud.remove(f"objects/{bucket}/{urllib.parse.unquote(name)}")
    return RawResponse(204)


@route(
    "storage",
    "GET",
    "(download/)?storage/v1/b/{bucket}/o/(?P<name>.+)",
    r"{bucket}/(?P<name>(.*/)?log-[0-9a-f-]+\.txt)",
)
def objects(cloud: Cloud, request: Request, bucket: str, name: str) -> Response:
    """An object or its content; the second address is that of a build's log."""
    found = cloud.need(f"objects/{bucket}/{urllib.parse.unquote(name)}", f"No such object: {bucket}/{name}")
    if request.query.get("alt") != "media" and request.path.startswith("/storage"):
        return found
    content = base64.b64decode(found["_content"])
    part = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
    if not part:
        return RawResponse(200, content)
    rest = content[int(part[1]) :]
    return RawResponse(
        206 if rest else 416, rest, {"Content-Range": f"bytes {part[1]}-{len(content) - 1}/{len(content)}"}
    )


def store(cloud: Cloud, bucket: str, name: str, content: bytes) -> Resource:
    """Stores an object."""
    made = {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/1",
        "bucket": bucket,
        "name": name,
        "size": str(len(content)),
        "md5Hash": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
        "generation": str(time.time_ns() // 1000),
        "updated": now(),
        "_content": base64.b64encode(content).decode(),
    }
    cloud.resources[f"objects/{bucket}/{name}"] = made
    return shown(made)


def _operation(parent: str) -> str:
    refuse_if("//" in parent, 400, "Invalid parent")
    return f"{parent}/operations/operation-{uuid.uuid4()}"
