"""What is in the cloud: read with a fixed number of list calls, whatever the number of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deploy import manifests
from deploy.commands import Commands
from deploy.google import Gateway, GatewayApi
from deploy.runner import Gcloud
from deploy.settings import Settings

T = TypeVar("T")
UNDER_WAY = {"PENDING", "QUEUED", "WORKING"}
MOVING = {"CREATING", "UPDATING", "DELETING"}


@dataclass(frozen=True)
class Service:
    """A Cloud Run service; `ready` is None while that is not known.

    `pinned` names the revision that has the traffic where that is not simply the newest one, as after a rollback; `key`
    the API key that the page was started with.
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
class BuildRun:
    """A Cloud Build submission; `content` is that of the source it was given."""

    id: str
    image: str
    content: str
    status: str
    log: str
    results: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """An API key, without its string."""

    name: str
    deleted: bool
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Actual:
    """Everything that the plan compares with."""

    enabled: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    services: Mapping[str, Service] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    apis: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    builds: tuple[BuildRun, ...] = ()

    @property
    def moving(self) -> list[str]:
        """What is still being changed, in words: nothing can be compared with it."""
        return [
            *(f"service {name}" for name, service in self.services.items() if service.ready is None),
            *(f"api {name}" for name, (state, _) in self.apis.items() if state in MOVING),
            *(f"config {name}" for name, state in self.configs.items() if state in MOVING),
            *(f"gateway {name}" for name, gateway in self.gateways.items() if gateway.state in MOVING),
        ]


def read_actual(settings: Settings, gcloud: Gcloud, api: GatewayApi, *, builds: int = 0) -> Actual:
    """The state of the project; of an API that is not enabled nothing exists. `builds` is how many to look back at."""
    commands = Commands(settings)
    enabled = frozenset(item["config"]["name"] for item in gcloud.json(commands.list_enabled()))

    nothing: list[dict[str, Any]] = []
    no_secrets: dict[str, tuple[str, ...]] = {}
    no_gateways: dict[str, Gateway] = {}
    no_apis: dict[str, tuple[str, str]] = {}

    with ThreadPoolExecutor(6) as pool:

        def ask(service: str, read: Callable[[], T], otherwise: T) -> Future[T]:
            return pool.submit(read if f"{service}.googleapis.com" in enabled else lambda: otherwise)

        def listed(service: str, argv: tuple[str, ...]) -> Future[list[dict[str, Any]]]:
            return ask(service, lambda: gcloud.json(argv) or nothing, nothing)

        services = listed("run", commands.list_services())
        keys = listed("apikeys", commands.list_keys())
        secrets = ask("secretmanager", lambda: _secrets(settings, gcloud, commands), no_secrets)
        repositories = listed("artifactregistry", commands.list_repositories())
        accounts = listed("iam", commands.list_accounts())
        found_builds = listed("cloudbuild", commands.list_builds(builds)) if builds else None
        gateways = ask("apigateway", api.gateways, no_gateways)
        apis = ask("apigateway", api.apis, no_apis).result()
        return Actual(
            enabled=enabled,
            repositories=frozenset(_last(item["name"]) for item in repositories.result()),
            accounts=frozenset(item["email"] for item in accounts.result()),
            services={item["metadata"]["name"]: parse_service(item) for item in services.result()},
            secrets=secrets.result(),
            keys={_last(item["name"]): parse_key(item) for item in keys.result()},
            apis=apis,
            configs=api.configs() if settings.api in apis else {},
            gateways=gateways.result(),
            builds=tuple(
                build for item in (found_builds.result() if found_builds else []) if (build := parse_build(item))
            ),
        )


def _secrets(settings: Settings, gcloud: Gcloud, commands: Commands) -> dict[str, tuple[str, ...]]:
    """The enabled versions of our secrets, newest first; nothing is read of others'."""
    ours = [_last(item["name"]) for item in gcloud.json(commands.list_secrets()) or []]
    return {
        name: tuple(
            _last(version["name"])
            for version in gcloud.json(commands.list_versions(name)) or []
            if version["state"] == "ENABLED"
        )
        for name in ours
        if name in (settings.document_secret, settings.key_secret)
    }


def parse_service(item: Mapping[str, Any]) -> Service:
    """A service from gcloud's JSON."""
    meta, template, status = item["metadata"], item["spec"]["template"], item.get("status", {})
    ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {"status": "Unknown"})
    traffic = item["spec"].get("traffic", [])
    pinned = [part for part in traffic if part.get("percent") and not part.get("latestRevision")]
    notes = meta.get("annotations", {})
    stamps = template.get("metadata", {}).get("annotations", {})
    container = template["spec"]["containers"][0]
    return Service(
        name=meta["name"],
        url=status.get("url", ""),
        image=container.get("image", ""),
        generation=int(meta.get("generation", 0)),
        content=notes.get(manifests.CONTENT, ""),
        manifest=notes.get(manifests.MANIFEST, ""),
        attempt=int(stamps.get(manifests.ATTEMPT, 1)),
        ready={"True": True, "False": False}.get(ready["status"]),
        message=ready.get("message", ""),
        revision=pinned[0].get("revisionName", "") if pinned else status.get("latestReadyRevisionName", ""),
        latest=status.get("latestReadyRevisionName", ""),
        pinned=pinned[0].get("revisionName", "") if pinned else "",
        key=stamps.get(manifests.KEY, ""),
        environment={item["name"]: item.get("value", "") for item in container.get("env", [])},
    )


def parse_build(item: Mapping[str, Any]) -> BuildRun | None:
    """A build from gcloud's JSON, if its source says that it is one of ours."""
    place = item.get("source", {}).get("storageSource", {}).get("object", "")
    ours = re.match(r"guichet/(?P<image>[a-z0-9-]+)-(?P<content>[0-9a-f]{16})/", place)
    if ours is None:
        return None
    results = {image["name"]: image["digest"] for image in item.get("results", {}).get("images", [])}
    return BuildRun(item["id"], ours["image"], ours["content"], item["status"], item.get("logUrl", ""), results)


def parse_key(item: Mapping[str, Any]) -> Key:
    """An API key from gcloud's JSON."""
    targets = item.get("restrictions", {}).get("apiTargets", [])
    return Key(_last(item["name"]), "deleteTime" in item, tuple(target["service"] for target in targets))


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
