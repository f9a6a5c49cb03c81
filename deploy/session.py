"""What a command needs: settings, gcloud, the record, and the states and plans derived from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from deploy.apply.apply_plan import Outcome, PlanApplier, PlanProgress
from deploy.apply.builds import Builds
from deploy.apply.smoke_test import RouteCheck, check_routes
from deploy.cloud.api_gateway_client import ApiGatewayClient, GcloudConfig, read_config
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState, read_current_state
from deploy.cloud.gcloud import Gcloud, Output, run_in
from deploy.cloud.wait_until_ready import Waiter
from deploy.deliverables import Deliverables
from deploy.errors import DeployError, RecordError
from deploy.plan.container_images import content_hash, images_to_build
from deploy.plan.deployment import deployment_plan
from deploy.plan.desired_state import DesiredState, desired_state
from deploy.plan.monitoring import monitoring_content
from deploy.plan.steps import Plan
from deploy.recorded_state import RecordedState
from deploy.report.status import DeploymentStatus, deployment_status
from deploy.settings import PREFIX, ROOT, DeploySettings, read_settings, short_name
from services.catalog import Catalog, load_catalog

LOOK_BACK = 50
VARIABLES = {
    "project": "PROJECT_ID",
    "region": "REGION",
    "repository": "REPOSITORY",
    "gateway_region": "GATEWAY_REGION",
}


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
        cls,
        environment: Mapping[str, str],
        tell: Callable[[str], None] = lambda _: None,
        default_project: str = "",
        **options: str,
    ) -> Session:
        """The session for the environment and the options; raises SettingsError if they are invalid."""
        stop = threading.Event()
        run = run_in(ROOT, environment)
        config = read_config(Gcloud(run, "", stop=stop))
        settings = read_settings(environment, config.project or default_project, **options)
        return cls(settings, Gcloud(run, settings.project, stop=stop, tell=tell), config, stop)

    @classmethod
    def offline(cls, environment: Mapping[str, str], default_project: str, **options: str) -> Session:
        """A session that runs nothing, for plans of an empty project."""

        def run(argv: tuple[str, ...], stdin: str | None = None) -> Output:
            raise DeployError(f"`{' '.join(argv)}` was not run: this is an offline plan.")

        settings = read_settings(environment, default_project, **options)
        return cls(settings, Gcloud(run, settings.project), GcloudConfig(anonymous=True))

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

    def current_state(
        self, recorded: RecordedState, tell: Callable[[str], None] | None = None, *, monitoring: bool = False
    ) -> CurrentState:
        """What is deployed; with `tell`, after waiting for changes in progress.

        Builds are listed only if the record does not have every image, and monitoring if it changed or is asked for.
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

        content = monitoring_content() if self.settings.monitoring else ""
        changed = recorded.monitoring != content

        def read() -> CurrentState:
            return read_current_state(
                self.settings, self.gcloud, self.api, builds=builds, monitoring=monitoring or changed
            )

        return self.waiter.wait_until_idle(read, tell) if tell else read()

    def desired_state(self, current: CurrentState, left_out: frozenset[str] = frozenset()) -> DesiredState:
        """What should be deployed, without the services in `left_out`."""
        running = [name for name, service in current.services.items() if service.revision and service.url]
        return desired_state(self.settings, self.catalog, running, left_out=left_out, number=current.number)

    def plan(
        self,
        recorded: RecordedState,
        current: CurrentState,
        rebuild: frozenset[str] = frozenset(),
        left_out: frozenset[str] = frozenset(),
    ) -> Plan:
        """The plan of `up`."""
        return deployment_plan(
            self.desired_state(current, left_out),
            current,
            recorded,
            self.settings,
            rebuild=rebuild,
            new_key=f"{PREFIX}{self.now():%Y%m%d-%H%M%S}",
        )

    def deploy(self, plan: Plan, run: Callable[[Plan], Outcome], tell: Callable[[str], None]) -> None:
        """Carries out the plan of `up`. If models or the page fail, releases the rest, then raises StepFailed.

        A model that failed keeps its former revision, if it has one.
        """
        outcome, more = run(plan), ""
        if broken := outcome.broken_services(self.settings):
            names = ", ".join(short_name(name) for name in sorted(broken))
            recorded = self.recorded_state()
            current = self.current_state(recorded, tell)
            if self.desired_state(current, broken).models:
                tell(f"Continuing without {names}.")
                outcome.failed |= run(self.plan(recorded, current, left_out=broken)).failed
                more = f"Everything else was deployed. Not up to date: {names}. Run again once this is fixed."
        outcome.raise_failures(more)

    def status(self) -> DeploymentStatus:
        """The status of the deployment."""
        recorded = self.recorded_state()
        secret, commands = recorded.gateway.secret, Commands(self.settings)
        key = self.gcloud(commands.read_secret(secret)).strip() if secret else ""

        def check(url: str, routes: Iterable[str]) -> list[RouteCheck]:
            return check_routes(url, routes, key)

        current = read_current_state(self.settings, self.gcloud, self.api)
        return deployment_status(current, recorded, self.settings, check)

    def identity(self) -> dict[str, str]:
        """The headers with which gcloud's account calls private services."""
        if self.config.anonymous:
            return {}
        token = self.gcloud(("gcloud", "auth", "print-identity-token")).strip()
        return {"Authorization": f"Bearer {token}"}

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
