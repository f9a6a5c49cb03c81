"""A small deployment for tests: sources, catalog and record in a folder, and a fake cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness.process import ROOT
from deploy.cloud.api_gateway_client import GcloudConfig
from deploy.cloud.gcloud import Gcloud, Run
from deploy.errors import DeployError
from deploy.plan.container_images import BASE_BUILD_FILE, BUILD_FILE
from deploy.plan.steps import Plan, Step
from deploy.recorded_state import RecordedState
from deploy.session import Session
from deploy.settings import DeploySettings
from tests.deploy.fake_google_cloud.state import OVERRIDDEN, PROJECT, Cloud

ENTRY = """\
  {name}:
    title: Model {name}
    architecture: {{callable: "package:make"}}
    weights: {{package: weights==1.0, file: weights.pth, sha256: {sha256}}}
    preprocess: {{resize: 256, crop: 224, interpolation: bicubic, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}}
"""
DEFAULTS = """\
defaults: {labels: imagenet, precision: fp16, cpu: 1, memory: 512Mi, concurrency: 8, min_instances: 0, max_instances: 4,
  deadline: 60, quota: 60000}
models:
"""


@dataclass
class ProgressLog:
    """Records the progress of a plan."""

    finished_steps: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def started(self, step: Step) -> None:
        pass

    def told(self, step: Step, text: str) -> None:
        self.said.append(text)

    def finished(self, step: Step) -> None:
        self.finished_steps.append(step.id)

    def failed(self, step: Step, error: DeployError) -> None:
        self.failures.append(str(error))

    def kept(self, step: Step, error: DeployError) -> None:
        self.said.append(str(error))


@dataclass
class Deployment:
    """The folder, the fake cloud, and the Run that sends commands to it."""

    folder: Path
    cloud: Cloud
    run: Run
    models: tuple[str, ...] = ()
    catalog: str = "services/models.yaml"
    patience: float = 0.5
    region: str = "us-central1"
    gateway_region: str = ""
    page_access: str = "public"
    heard: ProgressLog = field(default_factory=ProgressLog)
    waited: list[float] = field(default_factory=list)
    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def write_sources(self, *names: str) -> None:
        """Writes the sources, and a catalog of models with these names."""
        files = {
            BUILD_FILE: (ROOT / BUILD_FILE).read_text(encoding="utf-8"),
            BASE_BUILD_FILE: (ROOT / BASE_BUILD_FILE).read_text(encoding="utf-8"),
            "services/classifier/app.py": "code\n",
            "services/directory/app.py": "code\n",
            "frontend/app.py": "code\n",
        }
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.write_catalog(*names)

    def write_catalog(self, *names: str, **changes: str) -> None:
        """Writes a catalog of models with these names; `changes` adds lines to their entries."""
        entries = [ENTRY.format(name=name, sha256="a" * 64) + changes.get(name, "") for name in names]
        (self.folder / self.catalog).write_text(DEFAULTS + "".join(entries), encoding="utf-8")

    @property
    def settings(self) -> DeploySettings:
        return DeploySettings(
            project=PROJECT,
            region=self.region,
            models=self.models,
            root=self.folder,
            catalog=self.folder / self.catalog,
            deliverables=self.folder / "deliverables.yaml",
            patience=self.patience,
            page_access=self.page_access,
            gateway_place=self.gateway_region,
        )

    def session(self) -> Session:
        """The session of a command."""
        endpoints = dict.fromkeys(OVERRIDDEN, f"http://{self.cloud.address}/")
        config = GcloudConfig(project=PROJECT, anonymous=True, endpoints=endpoints)
        gcloud = Gcloud(self.run, PROJECT, sleep=self.waited.append, tell=self.heard.said.append)
        return Session(self.settings, gcloud, config, now=lambda: self.now)

    def plan(self, rebuild: frozenset[str] = frozenset()) -> Plan:
        """The plan of `up`."""
        session = self.session()
        recorded = session.recorded_state()
        return session.plan(recorded, session.current_state(recorded), rebuild)

    def up(self) -> Plan:
        """Runs `up`; returns the plan."""
        session = self.session()
        with session.deliverables.held("up"):
            recorded = session.recorded_state()
            plan = session.plan(recorded, session.current_state(recorded, self.heard.said.append))
            if plan:
                session.deliverables.start(session.settings)
                session.deploy(plan, session.applier(self.heard).run, self.heard.said.append)
        return plan

    def first_up(self) -> None:
        """The effect of `up` in an empty project: of an earlier test with the same sources, if there was one."""
        assert not self.cloud.log
        choices = (self.models, self.catalog, self.region, self.gateway_region, self.page_access)
        key = (self.cloud.address, choices, files(self.folder))
        kept = FIRST_UPS.get(key)
        if kept is None:
            self.up()
            FIRST_UPS[key] = self.cloud.snapshot(), files(self.folder)
            return
        snapshot, texts = kept
        self.cloud.restore(snapshot)
        for name, text in texts:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(text)

    def carry_out(self, session: Session, plan: Plan) -> None:
        """Carries out a plan."""
        if plan:
            session.deliverables.start(session.settings)
            session.applier(self.heard).run(plan).raise_failures()

    @property
    def recorded(self) -> RecordedState:
        return self.session().deliverables.read()

    @property
    def record(self) -> str:
        path = self.folder / "deliverables.yaml"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def state(self) -> dict[str, Any]:
        """The state of the cloud without times, ids and other random values."""
        with self.cloud.lock:
            kept = {
                name: resource
                for name, resource in self.cloud.resources.items()
                if not name.startswith(("objects/", "images/", "uploads/", "buckets/"))
                and "/builds/" not in name
                and "/revisions/" not in name
            }
            found: dict[str, Any] = settled({"resources": kept, "policies": self.cloud.policies})
            return found


Files = tuple[tuple[str, bytes], ...]
# The state of the cloud and the files after `first_up`, by the cloud's address, the settings and the files before.
FIRST_UPS: dict[tuple[str, object, Files], tuple[Any, Files]] = {}


def files(folder: Path) -> Files:
    """The files in a folder, with their content."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((str(path.relative_to(folder)), path.read_bytes()) for path in paths)


# Fields that differ between deployments.
VOLATILE = {
    "etag",
    "keyString",
    "generation",
    "observedGeneration",
    "resourceVersion",
    "uid",
    "uniqueId",
    "guichet/attempt",
}
NOISE = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"sha256:[0-9a-f]{64}", "DIGEST"),
    (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "TIME"),
    (r"127\.0\.0\.1:\d+", "GATEWAY"),
    (r"guichet-\d{8}-\d{6}", "KEY"),
    (r"-\d{5}-[0-9a-f]{3}\b", "-REVISION"),
    (r"/versions/\d+", "/versions/N"),
)


def settled(value: Any) -> Any:
    """A copy without times, ids and other random values."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in VOLATILE and not key.startswith("_")}
        return {settled(key): settled(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, str):
        for pattern, instead in NOISE:
            value = re.sub(pattern, instead, value)
    return value
