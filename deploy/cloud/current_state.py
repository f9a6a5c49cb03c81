"""What is deployed at present, read with a fixed number of list calls, independent of the number of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deploy.cloud.annotations import ATTEMPT, CONTENT, KEY, MANIFEST
from deploy.cloud.api_gateway_client import ApiGatewayClient, Gateway, last_segment
from deploy.cloud.commands import Commands
from deploy.cloud.gcloud import Gcloud
from deploy.settings import DeploySettings

T = TypeVar("T")
BUILDING = {"PENDING", "QUEUED", "WORKING"}
CHANGING = {"CREATING", "UPDATING", "DELETING"}


@dataclass(frozen=True)
class CloudService:
    """A Cloud Run service; `ready` is None while Cloud Run is still working on it.

    `pinned` is the revision that the traffic is pinned to, as after a rollback; `key` is the API key that the page was
    started with.
    """

    name: str
    url: str
    image: str
    generation: int
    content: str
    manifest: str
    attempt: int
    ready: bool | None
    message: str
    revision: str
    latest: str
    pinned: str
    key: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SubmittedBuild:
    """A Cloud Build submission; `content` is the hash of its source."""

    id: str
    image: str
    content: str
    status: str
    log: str
    results: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ApiKey:
    """An API key, without its string."""

    name: str
    deleted: bool
    targets: tuple[str, ...]


@dataclass(frozen=True)
class CurrentState:
    """Everything in the project that a plan compares with."""

    enabled: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    services: Mapping[str, CloudService] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    apis: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    builds: tuple[SubmittedBuild, ...] = ()

    @property
    def changing(self) -> list[str]:
        """Resources that Google is still changing: a plan cannot compare with them."""
        return [
            *(f"service {name}" for name, service in self.services.items() if service.ready is None),
            *(f"api {name}" for name, (state, _) in self.apis.items() if state in CHANGING),
            *(f"config {name}" for name, state in self.configs.items() if state in CHANGING),
            *(f"gateway {name}" for name, gateway in self.gateways.items() if gateway.state in CHANGING),
        ]


def read_current_state(
    settings: DeploySettings, gcloud: Gcloud, api: ApiGatewayClient, *, builds: int = 0
) -> CurrentState:
    """The state of the project, including the last `builds` builds. APIs that are not enabled are not asked."""
    commands = Commands(settings)
    enabled = frozenset(item["config"]["name"] for item in gcloud.json(commands.list_enabled()))

    nothing: list[dict[str, Any]] = []
    no_secrets: dict[str, tuple[str, ...]] = {}
    no_gateways: dict[str, Gateway] = {}
    no_apis: dict[str, tuple[str, str]] = {}

    with ThreadPoolExecutor(6) as pool:

        def read_if_enabled(api_name: str, read: Callable[[], T], otherwise: T) -> Future[T]:
            return pool.submit(read if f"{api_name}.googleapis.com" in enabled else lambda: otherwise)

        def listed(api_name: str, argv: tuple[str, ...]) -> Future[list[dict[str, Any]]]:
            return read_if_enabled(api_name, lambda: gcloud.json(argv) or nothing, nothing)

        services = listed("run", commands.list_services())
        keys = listed("apikeys", commands.list_keys())
        secrets = read_if_enabled("secretmanager", lambda: _secrets(settings, gcloud, commands), no_secrets)
        repositories = listed("artifactregistry", commands.list_repositories())
        accounts = listed("iam", commands.list_accounts())
        found_builds = listed("cloudbuild", commands.list_builds(builds)) if builds else None
        gateways = read_if_enabled("apigateway", api.gateways, no_gateways)
        apis = read_if_enabled("apigateway", api.apis, no_apis).result()
        return CurrentState(
            enabled=enabled,
            repositories=frozenset(last_segment(item["name"]) for item in repositories.result()),
            accounts=frozenset(item["email"] for item in accounts.result()),
            services={item["metadata"]["name"]: parse_service(item) for item in services.result()},
            secrets=secrets.result(),
            keys={last_segment(item["name"]): parse_key(item) for item in keys.result()},
            apis=apis,
            configs=api.configs() if settings.api in apis else {},
            gateways=gateways.result(),
            builds=tuple(
                build for item in (found_builds.result() if found_builds else []) if (build := parse_build(item))
            ),
        )


def _secrets(settings: DeploySettings, gcloud: Gcloud, commands: Commands) -> dict[str, tuple[str, ...]]:
    """The enabled versions of the deployment's two secrets, newest first."""
    ours = [last_segment(item["name"]) for item in gcloud.json(commands.list_secrets()) or []]
    return {
        name: tuple(
            last_segment(version["name"])
            for version in gcloud.json(commands.list_versions(name)) or []
            if version["state"] == "ENABLED"
        )
        for name in ours
        if name in (settings.document_secret, settings.key_secret)
    }


def parse_service(item: Mapping[str, Any]) -> CloudService:
    """A service from gcloud's JSON."""
    meta, template, status = item["metadata"], item["spec"]["template"], item.get("status", {})
    ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {"status": "Unknown"})
    traffic = item["spec"].get("traffic", [])
    pinned = [part for part in traffic if part.get("percent") and not part.get("latestRevision")]
    notes = meta.get("annotations", {})
    stamps = template.get("metadata", {}).get("annotations", {})
    container = template["spec"]["containers"][0]
    return CloudService(
        name=meta["name"],
        url=status.get("url", ""),
        image=container.get("image", ""),
        generation=int(meta.get("generation", 0)),
        content=notes.get(CONTENT, ""),
        manifest=notes.get(MANIFEST, ""),
        attempt=int(stamps.get(ATTEMPT, 1)),
        ready={"True": True, "False": False}.get(ready["status"]),
        message=ready.get("message", ""),
        revision=pinned[0].get("revisionName", "") if pinned else status.get("latestReadyRevisionName", ""),
        latest=status.get("latestReadyRevisionName", ""),
        pinned=pinned[0].get("revisionName", "") if pinned else "",
        key=stamps.get(KEY, ""),
        environment={item["name"]: item.get("value", "") for item in container.get("env", [])},
    )


def parse_build(item: Mapping[str, Any]) -> SubmittedBuild | None:
    """A build from gcloud's JSON; None unless its source is in the deployment's staging folder."""
    place = item.get("source", {}).get("storageSource", {}).get("object", "")
    ours = re.match(r"guichet/(?P<image>[a-z0-9-]+)-(?P<content>[0-9a-f]{16})/", place)
    if ours is None:
        return None
    results = {image["name"]: image["digest"] for image in item.get("results", {}).get("images", [])}
    return SubmittedBuild(item["id"], ours["image"], ours["content"], item["status"], item.get("logUrl", ""), results)


def parse_key(item: Mapping[str, Any]) -> ApiKey:
    """An API key from gcloud's JSON."""
    targets = item.get("restrictions", {}).get("apiTargets", [])
    return ApiKey(last_segment(item["name"]), "deleteTime" in item, tuple(target["service"] for target in targets))
