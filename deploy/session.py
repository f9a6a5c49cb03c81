"""One run of a command: the settings, gcloud, the record, and what they say together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from deploy import difference, images
from deploy.actual import Actual, read_actual
from deploy.builds import Builds
from deploy.commands import Commands
from deploy.desired import Desired, desired_state
from deploy.errors import RecordError
from deploy.execute import Execution, Progress
from deploy.google import GatewayApi, GcloudConfig, read_config
from deploy.prove import Answer, ask_all
from deploy.record import Deliverables, Recorded
from deploy.runner import Gcloud, process
from deploy.settings import ROOT, Settings, read_settings
from deploy.settle import Settler
from deploy.status import Status, status
from deploy.steps import Plan
from services.catalog import Catalog, load_catalog

LOOK_BACK = 50


@dataclass
class Session:
    """Everything that a command needs, made once."""

    settings: Settings
    gcloud: Gcloud
    config: GcloudConfig
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def open(
        cls, environment: Mapping[str, str], tell: Callable[[str], None] = lambda _: None, **options: str
    ) -> Session:
        """The session that the environment and the options ask for; SettingsError where they make no sense."""
        stop = threading.Event()
        run = process(ROOT, environment)
        config = read_config(Gcloud(run, "", stop=stop))
        settings = read_settings(environment, config.project, **options)
        return cls(settings, Gcloud(run, settings.project, stop=stop, tell=tell), config, stop)

    @cached_property
    def api(self) -> GatewayApi:
        return GatewayApi(self.settings, self.gcloud, self.config)

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog(self.settings.catalog)

    @cached_property
    def deliverables(self) -> Deliverables:
        return Deliverables(self.settings.deliverables)

    @property
    def settler(self) -> Settler:
        return Settler(self.settings, self.gcloud, self.api)

    def recorded(self) -> Recorded:
        """The record; RecordError where it is of another deployment."""
        recorded = self.deliverables.read()
        asked = {
            "project": self.settings.project,
            "region": self.settings.region,
            "repository": self.settings.repository,
        }
        for key, value in asked.items():
            noted = getattr(recorded, key)
            if noted and noted != value:
                raise RecordError(
                    f"{self.deliverables.path} records {key} {noted}, and this run is for {value}:"
                    f" set {_variable(key)}, name another file as DELIVERABLES, or run `make destroy` first."
                )
        return recorded

    def actual(self, recorded: Recorded, tell: Callable[[str], None] | None = None) -> Actual:
        """What is there; with `tell`, once nothing is being changed any more.

        Builds are looked for only where the record does not say that every image is there.
        """
        wanted = images.wanted_images(self.settings.models, self.catalog)
        missing = [
            name
            for name, image in wanted.items()
            if not (entry := recorded.images.get(name))
            or entry.image is None
            or entry.content != images.content(image, self.settings.root)
        ]
        builds = max(LOOK_BACK, 3 * len(missing)) if missing else 0

        def read() -> Actual:
            return read_actual(self.settings, self.gcloud, self.api, builds=builds)

        return self.settler.wait_for_all(read, tell) if tell else read()

    def desired(self, actual: Actual) -> Desired:
        """What should be there."""
        running = [name for name, service in actual.services.items() if service.ready and service.url]
        return desired_state(self.settings, self.catalog, running)

    def plan(self, recorded: Recorded, actual: Actual, rebuild: frozenset[str] = frozenset()) -> Plan:
        """What `up` would do."""
        return difference.difference(
            self.desired(actual),
            actual,
            recorded,
            self.settings,
            rebuild=rebuild,
            new_key=f"guichet-{self.now():%Y%m%d-%H%M%S}",
        )

    def status(self) -> Status:
        """How everything is."""
        recorded = self.recorded()
        secret, commands = recorded.gateway.secret, Commands(self.settings)
        key = self.gcloud.must(commands.read_secret(secret)).strip() if secret else ""

        def ask(address: str, routes: Iterable[str]) -> list[Answer]:
            return ask_all(address, routes, key)

        actual = read_actual(self.settings, self.gcloud, self.api)
        return status(actual, recorded, self.settings, ask)

    def execution(self, progress: Progress) -> Execution:
        """What carries out plans."""
        return Execution(
            settings=self.settings,
            gcloud=self.gcloud,
            deliverables=self.deliverables,
            settler=self.settler,
            builds=Builds(self.settings, self.gcloud, self.deliverables, self.stop),
            progress=progress,
            stop=self.stop,
            now=self.now,
        )


def _variable(key: str) -> str:
    return {"project": "PROJECT_ID"}.get(key, key.upper())
