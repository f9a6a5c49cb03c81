"""The status of the deployment: a row per model, the gateway and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.apply.smoke_test import RouteCheck
from deploy.cloud.current_state import CloudService, CurrentState
from deploy.plan.steps import base_url
from deploy.recorded_state import RecordedState
from deploy.settings import DeploySettings, service_name, short_name

CheckRoutes = Callable[[str, Iterable[str]], list[RouteCheck]]


@dataclass(frozen=True)
class ServiceStatus:
    """A service; `latency` is that of a request through the gateway in milliseconds, None if it failed."""

    name: str
    build: str
    digest: str
    revision: str
    traffic: str
    url: str
    ready: bool
    says: str
    latency: float | None = None


@dataclass(frozen=True)
class DeploymentStatus:
    """The status of the whole deployment."""

    project: str
    region: str
    models: tuple[ServiceStatus, ...]
    directory: ServiceStatus | None
    page: ServiceStatus | None
    gateway: str
    gateway_state: str
    config: str
    release: int | None
    moving: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether every service is ready and every model responds."""
        services = [*self.models, self.directory, self.page]
        responding = all(model.latency is not None for model in self.models)
        return bool(self.models) and responding and all(service is not None and service.ready for service in services)

    def as_json(self) -> dict[str, Any]:
        """For `status --json`."""
        return {**asdict(self), "healthy": self.healthy}


def deployment_status(
    current: CurrentState, recorded: RecordedState, settings: DeploySettings, check_routes: CheckRoutes
) -> DeploymentStatus:
    """The status; `check_routes` sends requests through the gateway."""
    gateway = current.gateways.get(settings.gateway)
    address = base_url(gateway.host) if gateway else ""
    own = {settings.directory, settings.page}
    order = [service_name(model) for model in recorded.latest.models] if recorded.latest else []
    names = [name for name in dict.fromkeys([*order, *recorded.services]) if name in recorded.services.keys() - own]
    checks: dict[str, RouteCheck] = {}
    if address and names:
        found = check_routes(address, [f"/v1/models/{short_name(name)}/ready" for name in names])
        checks = dict(zip(names, found, strict=True))
    return DeploymentStatus(
        project=settings.project,
        region=settings.region,
        models=tuple(_service(name, current.services.get(name), recorded, checks.get(name)) for name in names),
        directory=_own(settings.directory, current, recorded),
        page=_own(settings.page, current, recorded),
        gateway=address,
        gateway_state=gateway.state.lower() if gateway else "absent",
        config=gateway.config if gateway else "",
        release=recorded.latest.release if recorded.latest else None,
        moving=tuple(current.changing),
    )


def _own(name: str, current: CurrentState, recorded: RecordedState) -> ServiceStatus | None:
    there = current.services.get(name)
    return _service(name, there, recorded) if there or name in recorded.services else None


def _service(
    name: str, there: CloudService | None, recorded: RecordedState, check: RouteCheck | None = None
) -> ServiceStatus:
    short = short_name(name)
    entry = recorded.images.get(short)
    if there is None:
        return ServiceStatus(short, entry.build if entry else "", "", "", "", "", False, "does not exist")
    message = "" if there.ready else "starting" if there.ready is None else there.message or "not ready"
    if check and check.status != 200 and not message:
        message = f"through the gateway: {check.status or check.text}"
    # A service's image is that of its newest revision; after a rollback, an older revision has the traffic.
    image = recorded.image_of(name, there.revision) or there.image
    return ServiceStatus(
        name=short,
        build=image.partition("@")[0].rpartition(":")[2],
        digest=image.partition("@")[2],
        revision=there.revision,
        traffic="pinned" if there.pinned else "newest",
        url=there.url,
        ready=there.ready is True,
        says=message,
        latency=round(check.seconds * 1000, 1) if check and check.status == 200 else None,
    )


def status_table(found: DeploymentStatus) -> Group:
    """The status for the terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "service", "build", "digest", "revision", "traffic", "through the gateway", "address"):
        table.add_column(column, overflow="fold")
    for service in [*found.models, *(own for own in (found.directory, found.page) if own)]:
        good = service.ready and not service.says
        table.add_row(
            Text("●", style="green" if good else "red"),
            service.name,
            service.build[:8],
            service.digest.removeprefix("sha256:")[:12],
            service.revision.removeprefix(f"{service_name(service.name)}-"),
            service.traffic,
            f"{service.latency:.0f} ms" if service.latency is not None else service.says or "–",
            service.url,
        )
    lines = [
        Text(f"{found.project} in {found.region}" + (f", release {found.release}" if found.release else "")),
        table if found.models else Text("No model is deployed: `make deploy`."),
        Text(f"gateway  {found.gateway or '–'}  {found.gateway_state}  {found.config}"),
        Text(f"page     {found.page.url if found.page else '–'}"),
    ]
    if found.moving:
        lines.append(Text(f"in progress: {', '.join(found.moving)}", style="yellow"))
    return Group(*lines)
