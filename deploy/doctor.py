"""What must be there before a deployment, each with its remedy as a command."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from deploy.commands import Commands
from deploy.errors import CommandFailed, DeployError
from deploy.google import GatewayApi, GcloudConfig
from deploy.runner import Gcloud, Refused
from deploy.script import typed
from deploy.settings import APIS, Settings

# The first with `services api-keys create` outside of its beta; tried with 528.
OLDEST = 456
READY = "All prerequisites are met. You can proceed with the deployment."
SIGN_IN = "gcloud auth login"
LOCAL_PORTS = {"GATEWAY_PORT": 8080, "FRONTEND_PORT": 8501}
# One permission that stands for what each kind of command needs, and the role that brings it.
PERMISSIONS = {
    "serviceusage.services.enable": "roles/serviceusage.serviceUsageAdmin",
    "artifactregistry.repositories.create": "roles/artifactregistry.admin",
    "cloudbuild.builds.create": "roles/cloudbuild.builds.editor",
    "storage.buckets.create": "roles/storage.admin",
    "run.services.setIamPolicy": "roles/run.admin",
    "iam.serviceAccounts.create": "roles/iam.serviceAccountAdmin",
    "iam.serviceAccounts.actAs": "roles/iam.serviceAccountUser",
    "apigateway.gateways.create": "roles/apigateway.admin",
    "apikeys.keys.create": "roles/serviceusage.apiKeysAdmin",
    "secretmanager.secrets.create": "roles/secretmanager.admin",
}
Verdict = Literal["met", "missing", "unclear"]


@dataclass(frozen=True)
class Finding:
    """What was found; `remedy` is a command. What `doctor --fix` can repair is `fixable`; `unclear` hinders nothing."""

    verdict: Verdict
    what: str
    remedy: str = ""
    fixable: bool = False


class Doctor:
    """The checks, one method each."""

    def __init__(self, settings: Settings, gcloud: Gcloud, config: GcloudConfig, api: GatewayApi) -> None:
        self._settings = settings
        self._gcloud = gcloud
        self._config = config
        self._api = api
        self._commands = Commands(settings)

    def examine(self) -> list[Finding]:
        """Every check, in an order that puts first what the others need; without an account those are left out."""
        first = [*self.version(), *self.account()]
        if any(finding.remedy == SIGN_IN for finding in first):
            return [*first, Finding("unclear", "the rest is known once somebody is signed in"), *self.ports()]
        checks: list[Callable[[], list[Finding]]] = [
            self.project,
            self.billing,
            self.services,
            self.permissions,
            self.ports,
        ]
        with ThreadPoolExecutor(4) as pool:
            rest = [finding for findings in pool.map(lambda check: check(), checks) for finding in findings]
        return [*first, *rest]

    def version(self) -> list[Finding]:
        """gcloud is there, and new enough."""
        found = self._gcloud.json(("gcloud", "version")).get("Google Cloud SDK", "")
        number = re.match(r"\d+", found)
        if number is None or int(number[0]) < OLDEST:
            old = f"gcloud {found or 'of unknown version'} is too old: {OLDEST} or newer is needed"
            return [Finding("missing", old, "gcloud components update")]
        return [Finding("met", f"gcloud {found}")]

    def account(self) -> list[Finding]:
        """Somebody is signed in."""
        if self._config.anonymous:
            return [Finding("met", "gcloud is told to use no credentials (auth/disable_credentials)")]
        active = self._gcloud.json(("gcloud", "auth", "list", "--filter=status:ACTIVE"))
        if not active:
            return [Finding("missing", "no account is signed in", SIGN_IN)]
        return [Finding("met", f"signed in as {active[0]['account']}")]

    def project(self) -> list[Finding]:
        """The project can be seen."""
        project = self._settings.project
        try:
            found = self._gcloud.json(self._commands.describe_project())
        except CommandFailed:
            absent = f"project {project} is not there, or not for this account"
            return [Finding("missing", absent, f"gcloud projects create {project}")]
        if found.get("lifecycleState") != "ACTIVE":
            return [Finding("missing", f"project {project} is being deleted", f"gcloud projects undelete {project}")]
        return [Finding("met", f"project {project} (number {found['projectNumber']})")]

    def billing(self) -> list[Finding]:
        """A billing account pays; not everybody may look."""
        project = self._settings.project
        account = "$(gcloud billing accounts list --format='value(name)' --limit=1)"
        link = f"gcloud billing projects link {project} --billing-account={account}"
        try:
            answer = self._gcloud(
                ("gcloud", "billing", "projects", "describe", project, "--format=value(billingEnabled)")
            )
        except Refused:
            return [
                Finding(
                    "unclear",
                    "whether billing is enabled could not be read",
                    f"gcloud billing projects describe {project}",
                )
            ]
        if answer.strip().lower() != "true":
            return [Finding("missing", f"project {project} has no billing account", link)]
        return [Finding("met", "billing is enabled")]

    def services(self) -> list[Finding]:
        """The APIs, and what can be seen once they are enabled: the repository, and API Gateway in the region."""
        try:
            enabled = {item["config"]["name"] for item in self._gcloud.json(self._commands.list_enabled())}
        except CommandFailed as err:
            return [Finding("missing", f"the enabled APIs cannot be read: {err}", typed(self._commands.list_enabled()))]
        missing = [api for api in APIS if api not in enabled]
        found = [
            Finding(
                "missing", f"APIs are not enabled: {', '.join(missing)}", typed(self._commands.enable(missing)), True
            )
            if missing
            else Finding("met", f"{len(APIS)} APIs are enabled")
        ]
        return [*found, self._repository(enabled), self._region(enabled)]

    def _repository(self, enabled: set[str]) -> Finding:
        name, create = self._settings.repository, typed(self._commands.create_repository())
        there: list[dict[str, str]] = []
        if "artifactregistry.googleapis.com" in enabled:
            there = self._gcloud.json(self._commands.list_repositories()) or []
        for item in there:
            if item["name"].rsplit("/", 1)[-1] == name:
                if item.get("format", "DOCKER") != "DOCKER":
                    other = f"repository {name} holds {item['format'].lower()} packages, not images"
                    return Finding("missing", other, "make doctor REPOSITORY=another-name")
                return Finding("met", f"repository {name} in {self._settings.region}")
        return Finding("missing", f"repository {name} is not in {self._settings.region}", create, True)

    def _region(self, enabled: set[str]) -> Finding:
        region = self._settings.region
        if "apigateway.googleapis.com" not in enabled:
            return Finding("unclear", f"whether {region} offers API Gateway is known once its API is enabled")
        try:
            regions = self._api.regions()
        except CommandFailed as err:
            return Finding("unclear", f"whether {region} offers API Gateway could not be read: {err}")
        if region not in regions:
            offered = ", ".join(sorted(name for name in regions if name != "global"))
            return Finding(
                "missing", f"{region} does not offer API Gateway; these do: {offered}", "make doctor REGION=…"
            )
        return Finding("met", f"{region} offers API Gateway")

    def permissions(self) -> list[Finding]:
        """What the account may do."""
        try:
            held = self._api.permissions(tuple(PERMISSIONS))
        except DeployError as err:
            return [Finding("unclear", f"the account's permissions could not be read: {err}")]
        member = f"user:{self._config.account or 'ACCOUNT'}"
        if member.endswith(".gserviceaccount.com"):
            member = member.replace("user:", "serviceAccount:")
        missing = [
            Finding(
                "missing",
                f"the account lacks {permission}",
                f"gcloud projects add-iam-policy-binding {self._settings.project} --member={member} --role={role}",
            )
            for permission, role in PERMISSIONS.items()
            if permission not in held
        ]
        return missing or [Finding("met", f"the account has the {len(PERMISSIONS)} permissions that are needed")]

    def ports(self) -> list[Finding]:
        """The ports of `make run` are free; a deployment does without them."""
        taken = [(name, port) for name, port in LOCAL_PORTS.items() if not _is_free(port)]
        return [
            Finding("unclear", f"port {port} is in use, for `make run`", f"make run {name}={port + 1}")
            for name, port in taken
        ] or [Finding("met", f"ports {' and '.join(map(str, LOCAL_PORTS.values()))} are free, for `make run`")]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
