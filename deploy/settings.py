"""What a deployment is told from outside, read once, and the names that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import SettingsError
from services.catalog import DEFAULT_PATH

ROOT = Path(__file__).parents[1]
APIS = tuple(
    f"{name}.googleapis.com"
    for name in (
        "apigateway",
        "apikeys",
        "artifactregistry",
        "cloudbuild",
        "iam",
        "run",
        "secretmanager",
        "servicecontrol",
        "servicemanagement",
    )
)
RULES = {
    "PROJECT_ID": (r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id, such as my-project-123"),
    "REGION": (r"[a-z]+-[a-z]+[0-9]+", "a region, such as us-central1"),
    "REPOSITORY": (r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "a repository's name, such as hw5-images"),
}


@dataclass(frozen=True)
class Settings:
    """Where to deploy, what, and where the record and the files for gcloud are kept."""

    project: str
    region: str = "us-central1"
    repository: str = "hw5-images"
    models: tuple[str, ...] = ()  # empty: the whole catalog
    root: Path = ROOT
    catalog: Path = DEFAULT_PATH
    deliverables: Path = ROOT / "deliverables.yaml"
    patience: float = 300  # seconds that a first request through the gateway may take to succeed

    # The one API, gateway and so on of a project; services and images are named after what they hold.
    api = gateway = "guichet"
    directory = "guichet-directory"
    page = "guichet-page"
    document_secret, key_secret = "guichet-document", "guichet-key"

    def account(self, role: str) -> str:
        """The e-mail of a service account."""
        domain, _, project = self.project.rpartition(":")
        return f"{role}@{'.'.join(part for part in (project, domain) if part)}.iam.gserviceaccount.com"

    def image(self, name: str) -> str:
        """Where the image of a model, the directory or the page is kept, without tag."""
        return f"{self.registry}/guichet-{name}"

    @property
    def registry(self) -> str:
        """The repository's address."""
        return f"{self.region}-docker.pkg.dev/{self.project.replace(':', '/')}/{self.repository}"

    @property
    def staging(self) -> str:
        """Where the sources of builds are uploaded."""
        return f"gs://{self.project.replace(':', '_').replace('.', '_')}_cloudbuild/guichet"

    def file(self, name: str) -> str:
        """The path, from the root, of a file that a gcloud command reads."""
        return f".run/deploy/{name}"


def read_settings(environment: Mapping[str, str], gcloud_project: str = "", **options: str) -> Settings:
    """The settings in `environment`, where `options` of the command line go first.

    PROJECT_ID         default: gcloud's
    REGION             us-central1
    REPOSITORY         hw5-images
    MODELS             names divided by spaces or commas; default: the whole catalog
    DELIVERABLES       the record's file; default: deliverables.yaml at the root
    PROOF_PATIENCE     seconds until a first request through the gateway must succeed; default: 300
    """
    told = {**environment, **{key: value for key, value in options.items() if value}}
    project = told.get("PROJECT_ID") or gcloud_project
    if not project:
        raise SettingsError("There is no project: set PROJECT_ID, or run `gcloud config set project PROJECT_ID`.")
    values = {
        "PROJECT_ID": project,
        "REGION": told.get("REGION") or "us-central1",
        "REPOSITORY": told.get("REPOSITORY") or "hw5-images",
    }
    for name, (rule, wanted) in RULES.items():
        if not re.fullmatch(rule, values[name]):
            raise SettingsError(f"{name} should be {wanted}, not {values[name]!r}.")
    return Settings(
        project=values["PROJECT_ID"],
        region=values["REGION"],
        repository=values["REPOSITORY"],
        models=tuple(told.get("MODELS", "").replace(",", " ").split()),
        deliverables=Path(told.get("DELIVERABLES") or ROOT / "deliverables.yaml").absolute(),
        patience=_seconds("PROOF_PATIENCE", told.get("PROOF_PATIENCE") or "300"),
    )


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{name} should be a number of seconds, not {text!r}.")
    return seconds
