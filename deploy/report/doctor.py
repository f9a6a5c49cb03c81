"""Checks the prerequisites of a deployment; each finding has a remedy, which is a command."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from deploy.cloud.api_gateway_client import ApiGatewayClient, GcloudConfig, last_segment
from deploy.cloud.commands import Commands
from deploy.cloud.gcloud import Gcloud, GcloudFailed
from deploy.errors import CommandFailed, DeployError
from deploy.local.ports import why_not_free
from deploy.report.script import shell_line
from deploy.settings import APIS, DeploySettings

# The first version with `services api-keys create` out of beta; tested with 528.
OLDEST_GCLOUD = 456
READY = "All prerequisites are met. You can proceed with the deployment."
SIGN_IN = "gcloud auth login"
LOCAL_PORTS = {"GATEWAY_PORT": 8080, "FRONTEND_PORT": 8501}
# A permission of each kind of command, and the role that includes it.
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
    """The result of a check. `doctor --fix` repairs what is `fixable`; `unclear` does not prevent a deployment."""

    verdict: Verdict
    what: str
    remedy: str = ""
    fixable: bool = False


class Doctor:
    """The checks, one method each."""

    def __init__(self, settings: DeploySettings, gcloud: Gcloud, config: GcloudConfig, api: ApiGatewayClient) -> None:
        self._settings = settings
        self._gcloud = gcloud
        self._config = config
        self._api = api
        self._commands = Commands(settings)

    def examine(self) -> list[Finding]:
        """The findings of every check; without an account, only of those that need none."""
        first = [*self.version(), *self.account()]
        if any(finding.remedy == SIGN_IN for finding in first):
            return [*first, Finding("unclear", "the other checks need an account"), *self.ports()]
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
        """gcloud is installed and new enough."""
        found = self._gcloud.json(("gcloud", "version")).get("Google Cloud SDK", "")
        number = re.match(r"\d+", found)
        if number is None or int(number[0]) < OLDEST_GCLOUD:
            old = f"gcloud {found or '(unknown version)'} is too old: {OLDEST_GCLOUD} or newer is required"
            return [Finding("missing", old, "gcloud components update")]
        return [Finding("met", f"gcloud {found}")]

    def account(self) -> list[Finding]:
        """An account is signed in."""
        if self._config.anonymous:
            return [Finding("met", "gcloud uses no credentials (auth/disable_credentials)")]
        active = self._gcloud.json(("gcloud", "auth", "list", "--filter=status:ACTIVE"))
        if not active:
            return [Finding("missing", "no account is signed in", SIGN_IN)]
        return [Finding("met", f"signed in as {active[0]['account']}")]

    def project(self) -> list[Finding]:
        """The project exists and is accessible."""
        project = self._settings.project
        try:
            found = self._gcloud.json(self._commands.describe_project())
        except CommandFailed:
            absent = f"project {project} does not exist, or this account cannot access it"
            return [Finding("missing", absent, f"gcloud projects create {project}")]
        if found.get("lifecycleState") != "ACTIVE":
            return [Finding("missing", f"project {project} is being deleted", f"gcloud projects undelete {project}")]
        return [Finding("met", f"project {project} (number {found['projectNumber']})")]

    def billing(self) -> list[Finding]:
        """Billing is enabled; not every account may read that."""
        project = self._settings.project
        account = "$(gcloud billing accounts list --format='value(name)' --limit=1)"
        link = f"gcloud billing projects link {project} --billing-account={account}"
        try:
            enabled = self._gcloud(
                ("gcloud", "billing", "projects", "describe", project, "--format=value(billingEnabled)")
            )
        except GcloudFailed:
            return [
                Finding(
                    "unclear",
                    "cannot read whether billing is enabled",
                    f"gcloud billing projects describe {project}",
                )
            ]
        if enabled.strip().lower() != "true":
            return [Finding("missing", f"project {project} has no billing account", link)]
        return [Finding("met", "billing is enabled")]

    def services(self) -> list[Finding]:
        """The APIs are enabled; and, which needs them: the repository exists, and the region offers API Gateway."""
        try:
            enabled = {item["config"]["name"] for item in self._gcloud.json(self._commands.list_enabled())}
        except CommandFailed as err:
            return [
                Finding("missing", f"the enabled APIs cannot be read: {err}", shell_line(self._commands.list_enabled()))
            ]
        missing = [api for api in APIS if api not in enabled]
        found = [
            Finding(
                "missing",
                f"APIs are not enabled: {', '.join(missing)}",
                shell_line(self._commands.enable(missing)),
                True,
            )
            if missing
            else Finding("met", f"{len(APIS)} APIs are enabled")
        ]
        return [*found, self._repository(enabled), self._region(enabled)]

    def _repository(self, enabled: set[str]) -> Finding:
        name, create = self._settings.repository, shell_line(self._commands.create_repository())
        there: list[dict[str, str]] = []
        if "artifactregistry.googleapis.com" in enabled:
            there = self._gcloud.json(self._commands.list_repositories()) or []
        for item in there:
            if last_segment(item["name"]) == name:
                if item.get("format", "DOCKER") != "DOCKER":
                    other = f"repository {name} has the format {item['format'].lower()}, not docker"
                    return Finding("missing", other, "make doctor REPOSITORY=another-name")
                return Finding("met", f"repository {name} in {self._settings.region}")
        return Finding("missing", f"repository {name} does not exist in {self._settings.region}", create, True)

    def _region(self, enabled: set[str]) -> Finding:
        region = self._settings.region
        if "apigateway.googleapis.com" not in enabled:
            return Finding("unclear", f"cannot read whether {region} offers API Gateway until its API is enabled")
        try:
            regions = self._api.regions()
        except CommandFailed as err:
            return Finding("unclear", f"cannot read whether {region} offers API Gateway: {err}")
        if region not in regions:
            offered = ", ".join(sorted(name for name in regions if name != "global"))
            return Finding(
                "missing", f"{region} does not offer API Gateway; these do: {offered}", "make doctor REGION=…"
            )
        return Finding("met", f"{region} offers API Gateway")

    def permissions(self) -> list[Finding]:
        """The account has the required permissions."""
        try:
            held = self._api.permissions(tuple(PERMISSIONS))
        except DeployError as err:
            return [Finding("unclear", f"cannot read the account's permissions: {err}")]
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
        return missing or [Finding("met", f"the account has the {len(PERMISSIONS)} required permissions")]

    def ports(self) -> list[Finding]:
        """The ports of `make run` are free; a deployment does not need them."""
        taken = [(name, port) for name, port in LOCAL_PORTS.items() if why_not_free(port)]
        return [
            Finding("unclear", f"port {port} is in use, for `make run`", f"make run {name}={port + 1}")
            for name, port in taken
        ] or [Finding("met", f"ports {' and '.join(map(str, LOCAL_PORTS.values()))} are free, for `make run`")]
