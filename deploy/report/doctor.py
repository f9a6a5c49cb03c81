"""Checks the prerequisites of a deployment; each finding has a remedy, which is a command."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from deploy.cloud.api_gateway_client import ApiGatewayClient, GcloudConfig, last_segment
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.gcloud import Gcloud, GcloudFailed
from deploy.cloud.resources import Resource
from deploy.cloud.states import ACTIVE, DOCKER
from deploy.errors import CommandFailed, DeployError
from deploy.failures import table
from deploy.local.ports import why_not_free
from deploy.plan.prerequisites import regions
from deploy.plan.steps import Command, Plan, Step
from deploy.report.script import shell_line
from deploy.settings import APIS, UNKNOWN_PROJECT, DeploySettings

# The first version with `services api-keys create` out of beta; tested with 528.
OLDEST_GCLOUD = 456
READY = "All prerequisites are met. You can proceed with the deployment."
SIGN_IN = "gcloud auth login"
LOCAL_PORTS = {"GATEWAY_PORT": 8080, "FRONTEND_PORT": 8501}
NO_PUBLIC_SERVICES = "run.managed.requireInvokerIam"
Verdict = Literal["met", "missing", "unclear"]


@dataclass(frozen=True)
class Finding:
    """The result of a check. `doctor --fix` carries out `fix`; `unclear` does not prevent a deployment."""

    verdict: Verdict
    what: str
    remedy: str = ""
    fix: Step | None = None


def fixes(findings: Iterable[Finding]) -> Plan:
    """The steps that repair what can be repaired; the APIs come first."""
    steps = [finding.fix for finding in findings if finding.fix]
    first = tuple(step.id for step in steps if step.id == "enable")
    return Plan(tuple(step if step.id in first else replace(step, needs=first) for step in steps))


class Doctor:
    """The checks, one method each."""

    def __init__(self, settings: DeploySettings, gcloud: Gcloud, config: GcloudConfig, api: ApiGatewayClient) -> None:
        self._settings = settings
        self._gcloud = gcloud
        self._config = config
        self._api = api
        self._commands = Commands(settings)

    def examine(self) -> list[Finding]:
        """The findings of every check; without an account or a project, only of those that need none."""
        first = [*self.version(), *self.account()]
        checks: dict[str, Callable[[], list[Finding]]] = {
            "billing": self.billing,
            "the APIs, the repository and the gateway's region": self.services,
            "the account's permissions": self.permissions,
            "the account that builds run as": self.build_account,
            "who may open the page": self.page_access,
        }

        def without(names: Iterable[str], until: str) -> list[Finding]:
            later = [Finding("unclear", f"checked once {until}: {name}") for name in names]
            return [*first, *later, *self.ports()]

        if any(finding.remedy == SIGN_IN for finding in first):
            return without(["the project", *checks], "somebody is signed in")
        project = self.project()
        first += project
        if project[0].verdict == "missing":
            return without(checks, "the project can be used")

        def examined(name: str) -> list[Finding]:
            try:
                return checks[name]()
            except DeployError as err:
                return [Finding("unclear", f"cannot check {name}: {err}")]

        with ThreadPoolExecutor(4) as pool:
            rest = [finding for findings in pool.map(examined, checks) for finding in findings]
        return [*first, *rest, *self.ports()]

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
        if project == UNKNOWN_PROJECT:
            return [Finding("missing", "no project is set", "gcloud config set project PROJECT_ID")]
        try:
            found = self._gcloud.json(self._commands.describe_project())
        except GcloudFailed as err:
            if err.error.kind not in ("project", "denied", "absent"):
                return [Finding("unclear", f"cannot read the project: {err}")]
            absent = f"project {project} does not exist, or this account cannot access it"
            remedy = f"gcloud projects list  # set PROJECT_ID to one of them, or: gcloud projects create {project}"
            return [Finding("missing", absent, remedy)]
        if found.get("lifecycleState") != ACTIVE:
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
        enabled = {item["config"]["name"] for item in self._gcloud.json(self._commands.list_enabled()) or []}
        missing = [api for api in APIS if api not in enabled]
        found = [
            self._fixable(
                f"APIs are not enabled: {', '.join(missing)}",
                "enable",
                Command(self._commands.enable(missing), creates=tuple(Resource("enabled API", api) for api in missing)),
            )
            if missing
            else Finding("met", f"{len(APIS)} APIs are enabled")
        ]
        return [*found, self._repository(enabled), self._region(enabled)]

    def _repository(self, enabled: set[str]) -> Finding:
        name = self._settings.repository
        there: list[dict[str, str]] = []
        if "artifactregistry.googleapis.com" in enabled:
            there = self._gcloud.json(self._commands.list_repositories()) or []
        for item in there:
            if last_segment(item["name"]) == name:
                if item.get("format", DOCKER) != DOCKER:
                    other = f"repository {name} has the format {item['format'].lower()}, not docker"
                    return Finding("missing", other, "make doctor REPOSITORY=another-name")
                return Finding("met", f"repository {name} in {self._settings.region}")
        return self._fixable(
            f"repository {name} does not exist in {self._settings.region}",
            "repository",
            Command(self._commands.create_repository(), creates=(Resource("repository", name),)),
        )

    def _region(self, enabled: set[str]) -> Finding:
        region = self._settings.gateway_region
        asked = self._api.regions() if "apigateway.googleapis.com" in enabled else []
        offered = regions(CurrentState(regions=frozenset(asked)))
        if region not in offered:
            what = f"{region} does not offer API Gateway; these do: {', '.join(sorted(offered))}"
            return Finding("missing", what, "make doctor GATEWAY_REGION=…")
        return Finding("met", f"{region} offers API Gateway")

    def build_account(self) -> list[Finding]:
        """The account that builds run as has the roles for them; in new projects it has none."""
        found = self._gcloud.json(self._commands.build_account())
        email = last_segment(found["serviceAccountEmail"])
        policy = self._gcloud.json(self._commands.read_roles()) or {}
        member = f"serviceAccount:{email}"
        held = {binding["role"] for binding in policy.get("bindings", []) if member in binding["members"]}
        enough: list[list[str]] = table()["build roles"]
        # Google grants its own account for builds its role outside of the policy that we may read.
        if email.endswith("@cloudbuild.gserviceaccount.com") or any(held.issuperset(roles) for roles in enough):
            return [Finding("met", f"builds run as {email}, which has the roles for them")]
        role = enough[0][0]
        grant = Command(self._commands.grant_role(role, member), creates=(Resource("role", f"{role} of {member}"),))
        return [self._fixable(f"builds run as {email}, which lacks {role}", "build account", grant)]

    def page_access(self) -> list[Finding]:
        """The organisation allows services that anybody may call, if the page is to be public."""
        access = self._settings.page_access
        if access != "public":
            return [Finding("met", f"the page is {access}: see docs/deploying.md for who may open it")]
        try:
            policy = self._gcloud.json(self._commands.read_policy(NO_PUBLIC_SERVICES)) or {}
        except CommandFailed:
            return [Finding("unclear", "cannot read whether the organisation allows a public page (PAGE_ACCESS)")]
        if any(rule.get("enforce") for rule in policy.get("spec", {}).get("rules", [])):
            what = "the organisation forbids services that anybody may call, such as a public page"
            return [Finding("missing", what, "make deploy PAGE_ACCESS=private  # or iap")]
        return [Finding("met", "the page may be public")]

    def _fixable(self, what: str, step: str, command: Command) -> Finding:
        return Finding(
            "missing",
            what,
            shell_line(command.argv),
            Step(step, "create", ", ".join(map(str, command.creates)), actions=(command,)),
        )

    def permissions(self) -> list[Finding]:
        """The account has the required permissions."""
        wanted: dict[str, str] = table()["permissions"]
        held = self._api.permissions(tuple(wanted))
        member = f"user:{self._config.account or 'ACCOUNT'}"
        if member.endswith(".gserviceaccount.com"):
            member = member.replace("user:", "serviceAccount:")
        missing = [
            Finding(
                "missing",
                f"the account lacks {permission}",
                f"gcloud projects add-iam-policy-binding {self._settings.project} --member={member} --role={role}",
            )
            for permission, role in wanted.items()
            if permission not in held
        ]
        return missing or [Finding("met", f"the account has the {len(wanted)} required permissions")]

    def ports(self) -> list[Finding]:
        """The ports of `make run` are free; a deployment does not need them."""
        taken = [(name, port) for name, port in LOCAL_PORTS.items() if why_not_free(port)]
        return [
            Finding("unclear", f"port {port} is in use, for `make run`", f"make run {name}={port + 1}")
            for name, port in taken
        ] or [Finding("met", f"ports {' and '.join(map(str, LOCAL_PORTS.values()))} are free, for `make run`")]
