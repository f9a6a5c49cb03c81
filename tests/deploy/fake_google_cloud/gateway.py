"""API Gateway: APIs, configs, gateways, and the responses of a gateway to clients."""

from __future__ import annotations

import json
import re
import uuid

from tests.deploy.fake_google_cloud.routing import RawResponse, Request, Response, route
from tests.deploy.fake_google_cloud.state import NUMBER, PROJECT, Cloud, Resource, decoded, digest, now, refuse_if

GLOBAL = "v1/projects/{p}/locations/global"
KINDS = {"apis": ("apiId", "Api"), "configs": ("apiConfigId", "ApiConfig"), "gateways": ("gatewayId", "Gateway")}
PATHS = (
    GLOBAL + "/(?P<kind>apis)",
    GLOBAL + "/apis/{api}/(?P<kind>configs)",
    "v1/projects/{p}/locations/{place}/(?P<kind>gateways)",
)


@route("apigateway", "GET POST", *PATHS)
def collection(cloud: Cloud, request: Request, kind: str, api: str = "", place: str = "global") -> Response:
    parent = f"projects/{PROJECT}/locations/{place}" + (f"/apis/{api}" if api else "")
    if request.method == "GET":
        _activate(cloud, parent, kind)
        listed = {"apis": "apis", "configs": "apiConfigs", "gateways": "gateways"}[kind]
        return {listed: [_without_documents(item) for item in cloud.children(parent, kind)]}
    parameter, message = KINDS[kind]
    own = request.query[parameter]
    refuse_if(not re.fullmatch("[a-z0-9][a-z0-9-]{0,62}", own), 400, f"Invalid {parameter} {own!r}")
    name = f"{parent}/{kind}/{own}"
    made: Resource = {"displayName": own, **request.body, "name": name, "createTime": now(), "updateTime": now()}
    if kind == "apis":
        made["managedService"] = f"{own}-{digest(name)[:13]}.apigateway.{PROJECT}.cloud.goog"
    elif kind == "configs":
        cloud.need(parent)
        document = decoded(made["openapiDocuments"][0]["document"]["contents"])
        refuse_if(json.loads(document).get("swagger") != "2.0", 400, "Cannot convert to service config.")
        account = made["gatewayServiceAccount"].rsplit("/", 1)[-1]
        refuse_if(not cloud.account(account), 400, f"Service account {account} does not exist.")
    else:
        made["apiConfig"] = _linked(cloud, made["apiConfig"])
        made["defaultHostname"] = cloud.address
    made["state"] = "CREATING"
    cloud.create(name, made)
    return _operation(cloud, "create", name, message, request.failing())


def _activate(cloud: Cloud, parent: str, kind: str) -> None:
    """Configs are ACTIVATING for a while after their creation has ended."""
    for config in cloud.children(parent, kind) if kind == "configs" else []:
        if config["state"] == "ACTIVE" and config.setdefault("_reads", cloud.activating):
            config["state"] = "ACTIVATING"
        elif config["state"] == "ACTIVATING":
            config["_reads"] -= 1
            config["state"] = "ACTIVE" if config["_reads"] < 1 else "ACTIVATING"


@route("apigateway", "GET PATCH DELETE", *(f"{path}/{{own}}" for path in PATHS))
def one(cloud: Cloud, request: Request, kind: str, own: str, api: str = "", place: str = "global") -> Response:
    name = f"projects/{PROJECT}/locations/{place}" + (f"/apis/{api}" if api else "") + f"/{kind}/{own}"
    found = cloud.need(name)
    if request.method == "GET":
        return found if request.query.get("view") == "FULL" else _without_documents(found)
    moving = found["state"] in ("CREATING", "UPDATING", "DELETING")
    refuse_if(moving, 409, f"Resource '{name}' has an operation in progress", "ABORTED")
    if request.method == "PATCH":
        found["state"] = "UPDATING"
        found["_patch"] = {"apiConfig": _linked(cloud, request.body["apiConfig"]), "updateTime": now()}
        return _operation(cloud, "update", name, KINDS[kind][1], request.failing())
    gateways = cloud.children(f"projects/{PROJECT}/locations/us-central1", "gateways")
    users = [gateway["name"] for gateway in gateways if _same(gateway["apiConfig"], name)]
    users += [config["name"] for config in cloud.children(name, "configs")]
    refuse_if(users, 400, f"Resource '{name}' cannot be deleted: in use by {', '.join(users)}", "FAILED_PRECONDITION")
    found["state"] = "DELETING"
    return _operation(cloud, "delete", name, "", request.failing())


@route("", "GET", r"(?P<path>v1/models/.*)")
def call(cloud: Cloud, request: Request, path: str) -> Response:
    """A client's request to the gateway: its config must have the path, and the key must be valid."""
    gateways = [gateway for name, gateway in cloud.resources.items() if "/gateways/" in name]
    if not gateways or gateways[0]["state"] != "ACTIVE":
        return RawResponse(503, b'{"code": 503, "message": "no gateway"}')
    config = cloud.resources[gateways[0]["apiConfig"].replace(f"projects/{NUMBER}", f"projects/{PROJECT}")]
    document = json.loads(decoded(config["openapiDocuments"][0]["document"]["contents"]))
    managed = cloud.need(f"projects/{PROJECT}/locations/global/apis/guichet")["managedService"]
    keys = {key["keyString"] for key in cloud.children(f"projects/{PROJECT}/locations/global", "keys")}
    if f"/{path}" not in document["paths"]:
        return RawResponse(404, b'{"code": 404, "message": "The current request is not defined by this API."}')
    if request.headers.get("x-api-key") not in keys or not cloud.enabled(managed):
        return RawResponse(403, b'{"code": 403, "message": "The API key is not valid here."}')
    backend = document["paths"][f"/{path}"]["get"]["x-google-backend"]["address"]
    serving = [
        name
        for name, service in cloud.resources.items()
        if "/services/guichet-" in name and "/locations/" in name and backend.startswith(service["status"]["url"] + "/")
    ]
    if not serving:
        return RawResponse(503, b'{"code": 503, "message": "no service"}')
    callers = [member for b in cloud.policies.get(serving[0], {}).get("bindings", []) for member in b["members"]]
    gateway_account = config["gatewayServiceAccount"].rsplit("/", 1)[-1]
    if f"serviceAccount:{gateway_account}" not in callers:
        return RawResponse(403, b'{"code": 403, "message": "The gateway may not call the service."}')
    return {"status": "ready"}


def _linked(cloud: Cloud, config: str) -> str:
    """The name of an existing config, with the project's number as Google writes it."""
    name = config.replace(f"projects/{NUMBER}/", f"projects/{PROJECT}/")
    refuse_if(cloud.need(name)["state"] != "ACTIVE", 400, f"ApiConfig '{name}' is not ACTIVE", "FAILED_PRECONDITION")
    return name.replace(f"projects/{PROJECT}/", f"projects/{NUMBER}/")


def _same(config: str, name: str) -> bool:
    return config.split("/", 2)[2] == name.split("/", 2)[2]


def _without_documents(item: Resource) -> Resource:
    return {key: value for key, value in item.items() if key != "openapiDocuments" and not key.startswith("_")}


def _operation(cloud: Cloud, verb: str, name: str, message: str, error: str) -> Resource:
    place = "/".join(name.split("/")[:4])
    kind = f"google.cloud.apigateway.v1.{message}" if message else ""
    return cloud.operation(verb, name, kind=kind, error=error, name=f"{place}/operations/operation-{uuid.uuid4()}")
