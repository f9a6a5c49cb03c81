"""gcloud command lines as data; nothing here runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deploy.settings import DeploySettings

Argv = tuple[str, ...]
SERVICE_FORMAT = "--format=value(status.url,status.latestReadyRevisionName,metadata.generation)"


class Commands:
    """The commands for one project, region and repository, without prompts."""

    def __init__(self, settings: DeploySettings) -> None:
        self._settings = settings
        self._region = f"--region={settings.region}"
        self._location = f"--location={settings.region}"
        self._gateway_location = f"--location={settings.gateway_region}"

    # Reading

    def list_enabled(self) -> Argv:
        return self._gcloud("services", "list", "--enabled")

    def list_repositories(self) -> Argv:
        return self._gcloud("artifacts", "repositories", "list", self._location)

    def list_accounts(self) -> Argv:
        return self._gcloud("iam", "service-accounts", "list")

    def list_services(self) -> Argv:
        return self._gcloud("run", "services", "list", self._region)

    def list_revisions(self) -> Argv:
        return self._gcloud("run", "revisions", "list", self._region)

    def list_secrets(self) -> Argv:
        return self._gcloud("secrets", "list")

    def list_versions(self, secret: str) -> Argv:
        return self._gcloud("secrets", "versions", "list", secret)

    def list_keys(self) -> Argv:
        return self._gcloud("services", "api-keys", "list", "--show-deleted")

    def list_builds(self, limit: int) -> Argv:
        return self._gcloud("builds", "list", f"--limit={limit}")

    def describe_project(self) -> Argv:
        return ("gcloud", "projects", "describe", self._settings.project)

    def describe_service(self, name: str) -> Argv:
        return self._gcloud("run", "services", "describe", name, self._region)

    def describe_api(self) -> Argv:
        return self._gcloud("api-gateway", "apis", "describe", self._settings.api)

    def describe_gateway(self) -> Argv:
        return self._gcloud("api-gateway", "gateways", "describe", self._settings.gateway, self._gateway_location)

    def describe_build(self, build: str) -> Argv:
        return self._gcloud("builds", "describe", build)

    def build_log(self, build: str) -> Argv:
        return self._gcloud("builds", "log", build)

    def read_secret(self, secret: str, version: str = "latest") -> Argv:
        return self._gcloud("secrets", "versions", "access", version, f"--secret={secret}")

    def read_logs(self, filter: str, limit: int) -> Argv:
        """Newest first. Not `run services logs read`, which crashes on structured lines."""
        return self._gcloud("logging", "read", filter, f"--limit={limit}", "--order=desc", "--freshness=30d")

    def build_account(self) -> Argv:
        """The account that builds run as."""
        return self._gcloud("builds", "get-default-service-account")

    def read_roles(self) -> Argv:
        return ("gcloud", "projects", "get-iam-policy", self._settings.project)

    def read_policy(self, constraint: str) -> Argv:
        return self._gcloud("org-policies", "describe", constraint, "--effective")

    def show_config_state(self, name: str) -> Argv:
        return self._gcloud(
            "api-gateway", "api-configs", "describe", name, f"--api={self._settings.api}", "--format=value(state)"
        )

    def list_metrics(self) -> Argv:
        return self._gcloud("logging", "metrics", "list", "--filter=name:guichet-")

    def list_dashboards(self) -> Argv:
        return self._gcloud("monitoring", "dashboards", "list", "--filter=displayName=Guichet")

    def list_alerts(self) -> Argv:
        return self._gcloud("alpha", "monitoring", "policies", "list", "--filter=userLabels.guichet:*")

    def show_dashboard(self) -> Argv:
        """Prints the id of the dashboard, which Google chooses."""
        return (*self.list_dashboards(), "--format=value(name.basename())")

    def show_alert(self, name: str) -> Argv:
        """Prints the id of an alert, which Google chooses."""
        policies = ("alpha", "monitoring", "policies", "list", f"--filter=userLabels.guichet={name}")
        return self._gcloud(*policies, "--format=value(name.basename())")

    # Creating and changing

    def write_metric(self, name: str, file: str, verb: str) -> Argv:
        return self._gcloud("logging", "metrics", verb, name, f"--config-from-file={file}", "--format=none")

    def create_dashboard(self, file: str) -> Argv:
        return self._gcloud("monitoring", "dashboards", "create", f"--config-from-file={file}", "--format=none")

    def create_alert(self, file: str) -> Argv:
        return self._gcloud("alpha", "monitoring", "policies", "create", f"--policy-from-file={file}", "--format=none")

    def enable(self, names: Iterable[str]) -> Argv:
        return self._gcloud("services", "enable", *names)

    def create_repository(self) -> Argv:
        name = self._settings.repository
        return self._gcloud("artifacts", "repositories", "create", name, self._location, "--repository-format=docker")

    def create_account(self, name: str, purpose: str) -> Argv:
        return self._gcloud("iam", "service-accounts", "create", name, f"--display-name={purpose}")

    def submit(self, file: str, substitutions: Mapping[str, str], staging: str) -> Argv:
        """Submits the root as the source; later runs recognise the build by the hash in `staging`."""
        filled = ",".join(f"{name}={value}" for name, value in substitutions.items())
        return self._gcloud(
            "builds",
            "submit",
            ".",
            "--async",
            f"--config={file}",
            f"--substitutions={filled}",
            f"--gcs-source-staging-dir={staging}",
            "--format=value(id,logUrl)",
        )

    def replace_service(self, manifest: str) -> Argv:
        """Prints the URL, the newest ready revision and the generation."""
        return self._gcloud("run", "services", "replace", manifest, self._region, SERVICE_FORMAT)

    def send_traffic(self, service: str, *options: str) -> Argv:
        """Prints nothing: `update-traffic` returns before the new state is visible."""
        return self._gcloud("run", "services", "update-traffic", service, self._region, *options, "--format=none")

    def show_service(self, name: str) -> Argv:
        """Prints the URL, the newest ready revision and the generation."""
        return (*self.describe_service(name), SERVICE_FORMAT)

    def allow_calls(self, service: str, member: str, verb: str = "add") -> Argv:
        binding = ("run", "services", f"{verb}-iam-policy-binding", service, self._region)
        return self._gcloud(*binding, f"--member={member}", "--role=roles/run.invoker", "--format=none")

    def forbid_calls(self, service: str, member: str) -> Argv:
        return self.allow_calls(service, member, "remove")

    def grant_role(self, role: str, member: str, verb: str = "add") -> Argv:
        """A role in the project as a whole."""
        return (
            *("gcloud", "projects", f"{verb}-iam-policy-binding", self._settings.project),
            *(f"--member={member}", f"--role={role}", "--condition=None", "--format=none"),
        )

    def create_secret(self, name: str) -> Argv:
        return self._gcloud("secrets", "create", name, "--replication-policy=automatic")

    def add_version(self, secret: str, file: str = "-") -> Argv:
        """Prints the version's number; `-` reads standard input."""
        return self._gcloud(
            "secrets", "versions", "add", secret, f"--data-file={file}", "--format=value(name.basename())"
        )

    def allow_reading(self, secret: str, member: str) -> Argv:
        binding = ("secrets", "add-iam-policy-binding", secret, f"--member={member}")
        return self._gcloud(*binding, "--role=roles/secretmanager.secretAccessor", "--format=none")

    def create_api(self) -> Argv:
        return self._gcloud("api-gateway", "apis", "create", self._settings.api)

    def show_managed_service(self) -> Argv:
        return (*self.describe_api(), "--format=value(managedService)")

    def create_config(self, name: str, document: str, account: str) -> Argv:
        return self._gcloud(
            "api-gateway",
            "api-configs",
            "create",
            name,
            f"--api={self._settings.api}",
            f"--openapi-spec={document}",
            f"--backend-auth-service-account={account}",
        )

    def create_gateway(self, config: str) -> Argv:
        return self._gateway("create", config)

    def update_gateway(self, config: str) -> Argv:
        return self._gateway("update", config)

    def show_host(self) -> Argv:
        return (*self.describe_gateway(), "--format=value(defaultHostname)")

    def create_key(self, name: str, managed_service: str, consumer: str = "page") -> Argv:
        """Without output: gcloud would print the key."""
        return self._gcloud(
            "services",
            "api-keys",
            "create",
            f"--key-id={name}",
            f"--display-name={consumer}",
            f"--api-target=service={managed_service}",
            "--no-user-output-enabled",
        )

    def read_key(self, name: str) -> Argv:
        return self._gcloud("services", "api-keys", "get-key-string", name, "--format=value(keyString)")

    # Deleting

    def delete_service(self, name: str) -> Argv:
        return self._gcloud("run", "services", "delete", name, self._region, "--quiet")

    def delete_config(self, name: str) -> Argv:
        return self._gcloud("api-gateway", "api-configs", "delete", name, f"--api={self._settings.api}", "--quiet")

    def delete_api(self) -> Argv:
        return self._gcloud("api-gateway", "apis", "delete", self._settings.api, "--quiet")

    def delete_gateway(self) -> Argv:
        return self._gcloud(
            "api-gateway", "gateways", "delete", self._settings.gateway, self._gateway_location, "--quiet"
        )

    def delete_key(self, name: str) -> Argv:
        return self._gcloud("services", "api-keys", "delete", name, "--quiet")

    def destroy_version(self, secret: str, version: str) -> Argv:
        return self._gcloud("secrets", "versions", "destroy", version, f"--secret={secret}", "--quiet", "--format=none")

    def delete_metric(self, name: str) -> Argv:
        return self._gcloud("logging", "metrics", "delete", name, "--quiet")

    def delete_dashboard(self, name: str) -> Argv:
        return self._gcloud("monitoring", "dashboards", "delete", name, "--quiet")

    def delete_alert(self, name: str) -> Argv:
        return self._gcloud("alpha", "monitoring", "policies", "delete", name, "--quiet")

    def delete_sources(self) -> Argv:
        """The uploaded sources of builds."""
        return ("gcloud", "storage", "rm", "--recursive", self._settings.staging, "--quiet")

    def delete_secret(self, name: str) -> Argv:
        return self._gcloud("secrets", "delete", name, "--quiet")

    def delete_account(self, email: str) -> Argv:
        return self._gcloud("iam", "service-accounts", "delete", email, "--quiet")

    def delete_repository(self) -> Argv:
        return self._gcloud("artifacts", "repositories", "delete", self._settings.repository, self._location, "--quiet")

    def delete_image(self, uri: str) -> Argv:
        return self._gcloud("artifacts", "docker", "images", "delete", uri, "--delete-tags", "--quiet")

    def disable(self, name: str, *, force: bool = False) -> Argv:
        """Without `force`, Google refuses while another API or resource needs this one."""
        return self._gcloud("services", "disable", name, *(["--force"] if force else []), "--quiet")

    def _gateway(self, verb: str, config: str) -> Argv:
        return self._gcloud(
            "api-gateway",
            "gateways",
            verb,
            self._settings.gateway,
            f"--api={self._settings.api}",
            f"--api-config={config}",
            self._gateway_location,
        )

    def _gcloud(self, *words: str) -> Argv:
        return ("gcloud", *words, f"--project={self._settings.project}")
