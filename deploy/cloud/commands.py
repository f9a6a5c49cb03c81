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
        return self._gcloud("api-gateway", "gateways", "describe", self._settings.gateway, self._location)

    def describe_build(self, build: str) -> Argv:
        return self._gcloud("builds", "describe", build)

    def build_log(self, build: str) -> Argv:
        return self._gcloud("builds", "log", build)

    def read_secret(self, secret: str, version: str = "latest") -> Argv:
        return self._gcloud("secrets", "versions", "access", version, f"--secret={secret}")

    def read_logs(self, service: str, limit: int) -> Argv:
        return self._gcloud("run", "services", "logs", "read", service, self._region, f"--limit={limit}")

    # Creating and changing

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

    def send_traffic(self, service: str, revision: str) -> Argv:
        """Prints nothing: `update-traffic` returns before the new state is visible."""
        return self._gcloud(
            "run",
            "services",
            "update-traffic",
            service,
            self._region,
            f"--to-revisions={revision}=100",
            "--format=none",
        )

    def show_service(self, name: str) -> Argv:
        """Prints the URL, the newest ready revision and the generation."""
        return (*self.describe_service(name), SERVICE_FORMAT)

    def allow_calls(self, service: str, member: str) -> Argv:
        return self._gcloud(
            "run",
            "services",
            "add-iam-policy-binding",
            service,
            self._region,
            f"--member={member}",
            "--role=roles/run.invoker",
            "--format=none",
        )

    def create_secret(self, name: str) -> Argv:
        return self._gcloud("secrets", "create", name, "--replication-policy=automatic")

    def add_version(self, secret: str, file: str = "-") -> Argv:
        """Prints the version's number; `-` reads standard input."""
        return self._gcloud(
            "secrets", "versions", "add", secret, f"--data-file={file}", "--format=value(name.basename())"
        )

    def allow_reading(self, secret: str, member: str) -> Argv:
        return self._gcloud(
            "secrets",
            "add-iam-policy-binding",
            secret,
            f"--member={member}",
            "--role=roles/secretmanager.secretAccessor",
            "--format=none",
        )

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

    def create_key(self, name: str, managed_service: str) -> Argv:
        """Without output: gcloud would print the key."""
        return self._gcloud(
            "services",
            "api-keys",
            "create",
            f"--key-id={name}",
            "--display-name=Guichet",
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
        return self._gcloud("api-gateway", "gateways", "delete", self._settings.gateway, self._location, "--quiet")

    def delete_key(self, name: str) -> Argv:
        return self._gcloud("services", "api-keys", "delete", name, "--quiet")

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
            self._location,
        )

    def _gcloud(self, *words: str) -> Argv:
        return ("gcloud", *words, f"--project={self._settings.project}")
