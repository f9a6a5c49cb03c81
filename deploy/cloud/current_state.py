"""What is deployed at present, read with a fixed number of list calls, independent of the number of models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, TypeVar

from deploy.cloud.annotations import ATTEMPT, CONTENT, KEY, MANIFEST, NEXT
from deploy.cloud.api_gateway_client import ApiGatewayClient, Gateway, last_segment
from deploy.cloud.commands import Commands
from deploy.cloud.gcloud import Gcloud
from deploy.cloud.states import CHANGING, ENABLED
from deploy.settings import PREFIX, DeploySettings

T = TypeVar("T")
INVOKER, READER = "roles/run.invoker", "roles/secretmanager.secretAccessor"


@dataclass(frozen=True)
class CloudService:
    """A Cloud Run service; `ready` is None while Cloud Run is still working on it.

    `pinned` is the revision that the traffic is pinned to, as after a rollback; `staged` is the revision with the tag
    `next`, and `share` its percentage of the traffic; `key` is the API key that the page was started with. `callers`
    are the members that may call it, None if that cannot be read.
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
    staged: str = ""
    staged_url: str = ""
    share: int = 0
    callers: frozenset[str] | None = None


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
    """An API key, without its string; `consumer` is the display name."""

    name: str
    deleted: bool
    targets: tuple[str, ...]
    consumer: str = ""
    created: str = ""


@dataclass(frozen=True)
class CurrentState:
    """Everything in the project that a plan compares with. Resources of other deployments are left out.

    `number` is the project's number; `readers` are the members that may read a secret, None if that cannot be read;
    `regions` are those that offer API Gateway, empty while its API is not enabled. `monitoring` has the ids of metrics,
    dashboards and alerts by kind and name, and is empty unless they were asked for.
    """

    number: str = ""
    regions: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    services: Mapping[str, CloudService] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    readers: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    apis: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    builds: tuple[SubmittedBuild, ...] = ()
    monitoring: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
    settings: DeploySettings, gcloud: Gcloud, api: ApiGatewayClient, *, builds: int = 0, monitoring: bool = False
) -> CurrentState:
    """The state of the project, including the last `builds` builds, and `monitoring` if it is asked for.

    APIs that are not enabled are not asked.
    """
    commands = Commands(settings)
    listed_apis = gcloud.json(commands.list_enabled()) or []
    enabled = frozenset(item["config"]["name"] for item in listed_apis)

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
        metrics = listed("logging", commands.list_metrics()) if monitoring else None
        dashboards = listed("monitoring", commands.list_dashboards()) if monitoring else None
        alerts = listed("monitoring", commands.list_alerts()) if monitoring else None
        found_builds = listed("cloudbuild", commands.list_builds(builds)) if builds else None
        gateways = read_if_enabled("apigateway", api.gateways, no_gateways)
        regions = read_if_enabled("apigateway", api.regions, list[str]())
        apis = read_if_enabled("apigateway", api.apis, no_apis).result()
        ours = [service for item in services.result() if (service := parse_service(item))]
        callers = pool.map(lambda service: api.members(service_policy(settings, service.name), INVOKER), ours)
        names = list(secrets.result())
        readers = pool.map(lambda name: api.members(secret_policy(settings, name), READER), names)
        return CurrentState(
            number=last_segment(listed_apis[0]["name"].partition("/services/")[0]) if listed_apis else "",
            regions=frozenset(regions.result()),
            enabled=enabled,
            repositories=frozenset(last_segment(item["name"]) for item in repositories.result()),
            accounts=frozenset(item["email"] for item in accounts.result()),
            services={
                service.name: replace(service, callers=found) for service, found in zip(ours, callers, strict=True)
            },
            secrets=secrets.result(),
            readers=dict(zip(names, readers, strict=True)),
            keys={last_segment(item["name"]): parse_key(item) for item in keys.result()},
            apis={name: found for name, found in apis.items() if name == settings.api},
            configs=api.configs() if settings.api in apis else {},
            gateways={name: found for name, found in gateways.result().items() if name == settings.gateway},
            builds=tuple(
                build for item in (found_builds.result() if found_builds else []) if (build := parse_build(item))
            ),
            monitoring={
                **{f"metric {item['name']}": (item["name"],) for item in (metrics.result() if metrics else [])},
                **_by_name("dashboard", dashboards.result() if dashboards else [], lambda _: "guichet"),
                **_by_name("alert", alerts.result() if alerts else [], lambda item: item["userLabels"]["guichet"]),
            },
        )


def _by_name(
    kind: str, items: list[dict[str, Any]], name: Callable[[dict[str, Any]], str]
) -> dict[str, tuple[str, ...]]:
    """The ids that Google chose, by the kind and the name that we gave; an interrupted run may leave two of a name."""
    found: dict[str, tuple[str, ...]] = {}
    for item in items:
        key = f"{kind} {name(item)}"
        found[key] = (*found.get(key, ()), last_segment(item["name"]))
    return found


def _secrets(settings: DeploySettings, gcloud: Gcloud, commands: Commands) -> dict[str, tuple[str, ...]]:
    """The enabled versions of the deployment's two secrets, newest first; none if the newest is not enabled."""
    ours = [last_segment(item["name"]) for item in gcloud.json(commands.list_secrets()) or []]
    return {
        name: tuple(
            last_segment(version["name"])
            for version in takewhile(
                lambda version: version["state"] == ENABLED, gcloud.json(commands.list_versions(name)) or []
            )
        )
        for name in ours
        if name in (settings.document_secret, settings.key_secret)
    }


def service_policy(settings: DeploySettings, name: str) -> tuple[str, str]:
    """The API and the path of a service's IAM policy."""
    return "run", f"v1/projects/{settings.project}/locations/{settings.region}/services/{name}:getIamPolicy"


def secret_policy(settings: DeploySettings, name: str) -> tuple[str, str]:
    """The API and the path of a secret's IAM policy."""
    return "secretmanager", f"v1/projects/{settings.project}/secrets/{name}:getIamPolicy"


def parse_service(item: Mapping[str, Any]) -> CloudService | None:
    """A service from gcloud's JSON; None unless its name is one of ours."""
    if not item["metadata"]["name"].startswith(PREFIX):
        return None
    meta, template, status = item["metadata"], item["spec"]["template"], item.get("status", {})
    ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {"status": "Unknown"})
    traffic = item["spec"].get("traffic", [])
    staged: Mapping[str, Any] = next((part for part in status.get("traffic", []) if part.get("tag") == NEXT), {})
    pinned = [
        part
        for part in traffic
        if part.get("percent") and not part.get("latestRevision") and part["revisionName"] != staged.get("revisionName")
    ]
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
        staged=staged.get("revisionName", ""),
        staged_url=staged.get("url", ""),
        share=sum(
            int(part.get("percent") or 0)
            for part in status.get("traffic", [])
            if staged and part.get("revisionName") == staged.get("revisionName")
        ),
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
    return ApiKey(
        last_segment(item["name"]),
        "deleteTime" in item,
        tuple(target["service"] for target in targets),
        item.get("displayName", ""),
        item.get("createTime", ""),
    )
