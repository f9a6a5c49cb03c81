"""What a command needs: settings, gcloud, the record, and the states and plans derived from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from deploy.apply.apply_plan import PlanApplier, PlanProgress
from deploy.apply.builds import Builds
from deploy.apply.smoke_test import RouteCheck, check_routes
from deploy.cloud.api_gateway_client import ApiGatewayClient, GcloudConfig, read_config
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState, read_current_state
from deploy.cloud.gcloud import Gcloud, run_in
from deploy.cloud.wait_until_ready import Waiter
from deploy.deliverables import Deliverables
from deploy.errors import RecordError
from deploy.plan.container_images import content_hash, images_to_build
from deploy.plan.deployment import deployment_plan
from deploy.plan.desired_state import DesiredState, desired_state
from deploy.plan.steps import Plan
from deploy.recorded_state import RecordedState
from deploy.report.status import DeploymentStatus, deployment_status
from deploy.settings import PREFIX, ROOT, DeploySettings, read_settings
from services.catalog import Catalog, load_catalog

LOOK_BACK = 50
VARIABLES = {"project": "PROJECT_ID", "region": "REGION", "repository": "REPOSITORY"}


@dataclass
class Session:
    """The objects that a command needs, created once."""

    settings: DeploySettings
    gcloud: Gcloud
    config: GcloudConfig
    stop: threading.Event = field(default_factory=threading.Event)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def open(
        cls, environment: Mapping[str, str], tell: Callable[[str], None] = lambda _: None, **options: str
    ) -> Session:
        """The session for the environment and the options; raises SettingsError if they are invalid."""
        stop = threading.Event()
        run = run_in(ROOT, environment)
        config = read_config(Gcloud(run, "", stop=stop))
        settings = read_settings(environment, config.project, **options)
        return cls(settings, Gcloud(run, settings.project, stop=stop, tell=tell), config, stop)

    @cached_property
    def api(self) -> ApiGatewayClient:
        return ApiGatewayClient(self.settings, self.gcloud, self.config)

    @cached_property
    def catalog(self) -> Catalog:
        return load_catalog(self.settings.catalog)

    @cached_property
    def deliverables(self) -> Deliverables:
        return Deliverables(self.settings.deliverables)

    @property
    def waiter(self) -> Waiter:
        return Waiter(self.settings, self.gcloud, self.api)

    def recorded_state(self) -> RecordedState:
        """The record; raises RecordError if it belongs to another deployment."""
        recorded = self.deliverables.read()
        for key, variable in VARIABLES.items():
            noted, value = getattr(recorded, key), getattr(self.settings, key)
            if noted and noted != value:
                raise RecordError(
                    f"{self.deliverables.path} is of {key} {noted}, but this run is for {value}: set {variable}, set"
                    " DELIVERABLES to another file, or run `make destroy` first."
                )
        return recorded

    def current_state(self, recorded: RecordedState, tell: Callable[[str], None] | None = None) -> CurrentState:
        """What is deployed; with `tell`, after waiting for changes in progress.

        Builds are listed only if the record does not have every image.
        """
        images = images_to_build(self.settings.models, self.catalog)
        missing = [
            name
            for name, image in images.items()
            if not (entry := recorded.images.get(name))
            or entry.image is None
            or entry.content != content_hash(image, self.settings.root)
        ]
        builds = max(LOOK_BACK, 3 * len(missing)) if missing else 0

        def read() -> CurrentState:
            return read_current_state(self.settings, self.gcloud, self.api, builds=builds)

        return self.waiter.wait_until_idle(read, tell) if tell else read()

    def desired_state(self, current: CurrentState) -> DesiredState:
        """What should be deployed."""
        running = [name for name, service in current.services.items() if service.ready and service.url]
        return desired_state(self.settings, self.catalog, running)

    def plan(self, recorded: RecordedState, current: CurrentState, rebuild: frozenset[str] = frozenset()) -> Plan:
        """The plan of `up`."""
        return deployment_plan(
            self.desired_state(current),
            current,
            recorded,
            self.settings,
            rebuild=rebuild,
            new_key=f"{PREFIX}{self.now():%Y%m%d-%H%M%S}",
        )

    def status(self) -> DeploymentStatus:
        """The status of the deployment."""
        recorded = self.recorded_state()
        secret, commands = recorded.gateway.secret, Commands(self.settings)
        key = self.gcloud(commands.read_secret(secret)).strip() if secret else ""

        def check(url: str, routes: Iterable[str]) -> list[RouteCheck]:
            return check_routes(url, routes, key)

        current = read_current_state(self.settings, self.gcloud, self.api)
        return deployment_status(current, recorded, self.settings, check)

    def applier(self, progress: PlanProgress) -> PlanApplier:
        """Carries out plans and reports to `progress`."""
        return PlanApplier(
            settings=self.settings,
            gcloud=self.gcloud,
            deliverables=self.deliverables,
            waiter=self.waiter,
            builds=Builds(self.settings, self.gcloud, self.deliverables, self.stop),
            progress=progress,
            stop=self.stop,
            now=self.now,
        )
