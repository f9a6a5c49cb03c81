"""Deployment settings, read once from the environment and the options, and the names derived from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import NoProjectError, SettingsError
from services.catalog import DEFAULT_PATH, catalog_path

ROOT = Path(__file__).parents[1]
APIS = tuple(
    f"{name}.googleapis.com"
    for name in (
        "apigateway",
        "apikeys",
        "artifactregistry",
        "cloudbuild",
        "iam",
        "logging",
        "monitoring",
        "run",
        "secretmanager",
        "servicecontrol",
        "servicemanagement",
    )
)
# The project that plans are shown for where none is known.
UNKNOWN_PROJECT = "my-project"
# Services and images are named with this prefix; models, the directory and the page are not.
PREFIX = "guichet-"
REGION = r"[a-z]+-(central|(north|south)?(east|west)|north|south)[0-9]+"
PATTERNS = {
    "PROJECT_ID": (r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project ID, such as my-project-123"),
    "REGION": (REGION, "a region, such as us-central1"),
    "GATEWAY_REGION": (REGION, "a region, such as us-central1"),
    "PAGE_ACCESS": (r"public|private|iap", "public, private or iap"),
    "MONITORING": (r"on|off", "on or off"),
    "CONTACT": (r"[!-'*-~]*", "an e-mail address or a URL"),
    "REPOSITORY": (r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "a repository name, such as hw5-images"),
}


@dataclass(frozen=True)
class DeploySettings:
    """Where and what to deploy, and where the record and the files for gcloud are kept."""

    project: str
    region: str = "us-central1"
    repository: str = "hw5-images"
    models: tuple[str, ...] = ()  # empty: the whole catalog
    root: Path = ROOT
    catalog: Path = DEFAULT_PATH
    deliverables: Path = ROOT / "deliverables.yaml"
    patience: float = 420  # seconds for the smoke test to succeed: a new key or address may take seven minutes
    gateway_place: str = ""  # the gateway's region, if it is another
    page_access: str = "public"
    monitoring: bool = True
    contact: str = ""  # of the person to ask about the models' downloads

    # A project has one of each.
    api = gateway = "guichet"
    directory = f"{PREFIX}directory"
    page = f"{PREFIX}page"
    document_secret, key_secret = "guichet-document", "guichet-key"

    @property
    def gateway_region(self) -> str:
        """The region of the gateway."""
        return self.gateway_place or self.region

    def account(self, role: str) -> str:
        """The e-mail address of a service account."""
        domain, _, project = self.project.rpartition(":")
        return f"{role}@{'.'.join(part for part in (project, domain) if part)}.iam.gserviceaccount.com"

    def image(self, name: str) -> str:
        """The address, without a tag, of the container image of a model, `directory` or `page`."""
        return f"{self.registry}/{PREFIX}{name}"

    @property
    def registry(self) -> str:
        """The address of the Artifact Registry repository."""
        return f"{self.region}-docker.pkg.dev/{self.project.replace(':', '/')}/{self.repository}"

    @property
    def staging(self) -> str:
        """Where build sources are uploaded."""
        return f"gs://{self.project.replace(':', '_').replace('.', '_')}_cloudbuild/guichet"

    def file(self, name: str) -> str:
        """The path, relative to the root, of a file that a gcloud command reads."""
        return f".run/deploy/{name}"


def service_name(name: str) -> str:
    """The Cloud Run service of a model, `directory` or `page`."""
    return PREFIX + name


def short_name(service: str) -> str:
    """The model, `directory` or `page` that a Cloud Run service runs."""
    return service.removeprefix(PREFIX)


def read_settings(environment: Mapping[str, str], gcloud_project: str = "", **options: str) -> DeploySettings:
    """The settings from `environment`; `options` from the command line take precedence.

    PROJECT_ID         default: gcloud's project
    REGION             default: us-central1
    REPOSITORY         default: hw5-images
    GATEWAY_REGION     the region of the gateway; default: REGION
    PAGE_ACCESS        who may open the page: public, private or iap (Identity-Aware Proxy); default: public
    MONITORING         on: create a dashboard and alerts; off: remove them; default: on
    CONTACT            an address for the owners of the sites from which the models download images; default: none
    MODELS             names separated by spaces or commas; default: the whole catalog
    CATALOG            the catalog's file; default: services/models.yaml
    DELIVERABLES       the record; default: deliverables.yaml in the root
    PROOF_PATIENCE     seconds for every model to respond through the gateway; default: 420
    """
    told = {**environment, **{key: value for key, value in options.items() if value}}
    project = told.get("PROJECT_ID") or gcloud_project
    if not project:
        raise NoProjectError("No project is set: set PROJECT_ID, or run `gcloud config set project PROJECT_ID`.")
    values = {
        "PROJECT_ID": project,
        "REGION": told.get("REGION") or "us-central1",
        "GATEWAY_REGION": told.get("GATEWAY_REGION") or told.get("REGION") or "us-central1",
        "PAGE_ACCESS": told.get("PAGE_ACCESS") or "public",
        "MONITORING": told.get("MONITORING") or "on",
        "CONTACT": told.get("CONTACT") or "",
        "REPOSITORY": told.get("REPOSITORY") or "hw5-images",
    }
    for name, (pattern, expected) in PATTERNS.items():
        if not re.fullmatch(pattern, values[name]):
            raise SettingsError(f"{name} should be {expected}, not {values[name]!r}.")
    return DeploySettings(
        project=values["PROJECT_ID"],
        region=values["REGION"],
        repository=values["REPOSITORY"],
        models=tuple(told.get("MODELS", "").replace(",", " ").split()),
        catalog=catalog_path(told).absolute(),
        deliverables=Path(told.get("DELIVERABLES") or ROOT / "deliverables.yaml").absolute(),
        patience=_seconds("PROOF_PATIENCE", told.get("PROOF_PATIENCE") or "420"),
        gateway_place=values["GATEWAY_REGION"],
        page_access=values["PAGE_ACCESS"],
        monitoring=values["MONITORING"] == "on",
        contact=values["CONTACT"],
    )


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{name} should be a number of seconds, not {text!r}.")
    return seconds
