"""How everything is: one row per model, the gateway and the page, from what is there and what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.actual import Actual, Service
from deploy.prove import Answer
from deploy.record import Recorded
from deploy.settings import Settings
from deploy.steps import origin

Ask = Callable[[str, Iterable[str]], list[Answer]]


@dataclass(frozen=True)
class ServiceStatus:
    """A service; `latency` is of one request through the gateway, in milliseconds; None if there was no answer."""

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
class Status:
    """The whole."""

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
        """Whether everything is there and answers."""
        services = [*self.models, self.directory, self.page]
        answered = all(model.latency is not None for model in self.models)
        return bool(self.models) and answered and all(service is not None and service.ready for service in services)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "healthy": self.healthy}


def status(actual: Actual, recorded: Recorded, settings: Settings, ask: Ask) -> Status:
    """The status; `ask` makes requests through the gateway."""
    gateway = actual.gateways.get(settings.gateway)
    address = origin(gateway.host) if gateway else ""
    own = {settings.directory, settings.page}
    order = [f"guichet-{model}" for model in recorded.latest.models] if recorded.latest else []
    names = [name for name in dict.fromkeys([*order, *recorded.services]) if name in recorded.services.keys() - own]
    answers: dict[str, Answer] = {}
    if address and names:
        answered = ask(address, [f"/v1/models/{name.removeprefix('guichet-')}/ready" for name in names])
        answers = dict(zip(names, answered, strict=True))
    return Status(
        project=settings.project,
        region=settings.region,
        models=tuple(_service(name, actual.services.get(name), recorded, answers.get(name)) for name in names),
        directory=_own(settings.directory, actual, recorded),
        page=_own(settings.page, actual, recorded),
        gateway=address,
        gateway_state=gateway.state.lower() if gateway else "absent",
        config=gateway.config if gateway else "",
        release=recorded.latest.release if recorded.latest else None,
        moving=tuple(actual.moving),
    )


def _own(name: str, actual: Actual, recorded: Recorded) -> ServiceStatus | None:
    there = actual.services.get(name)
    return _service(name, there, recorded) if there or name in recorded.services else None


def _service(name: str, there: Service | None, recorded: Recorded, answer: Answer | None = None) -> ServiceStatus:
    short = name.removeprefix("guichet-")
    entry = recorded.images.get(short)
    if there is None:
        return ServiceStatus(short, entry.build if entry else "", "", "", "", "", False, "it is not there")
    said = "" if there.ready else "it is starting" if there.ready is None else there.message or "it is not ready"
    if answer and answer.status != 200 and not said:
        said = f"through the gateway: {answer.status or answer.said}"
    serving = (release.services.get(name) for release in reversed(recorded.releases))
    # The service names the image of its newest revision; after a rollback another one serves.
    image = next((then.image for then in serving if then and then.revision == there.revision), there.image)
    return ServiceStatus(
        name=short,
        build=image.partition("@")[0].rpartition(":")[2],
        digest=image.partition("@")[2],
        revision=there.revision,
        traffic="pinned" if there.pinned else "newest",
        url=there.url,
        ready=there.ready is True,
        says=said,
        latency=round(answer.seconds * 1000, 1) if answer and answer.status == 200 else None,
    )


def screen(found: Status) -> Group:
    """The status as a person reads it."""
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
            service.revision.removeprefix(f"guichet-{service.name}-"),
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
        lines.append(Text(f"under way: {', '.join(found.moving)}", style="yellow"))
    return Group(*lines)
