"""Reads Google API Gateway with its client library, as gcloud's account and at gcloud's endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.apigateway_v1 import ApiGatewayServiceClient
from google.oauth2.credentials import Credentials as TokenCredentials

from deploy.cloud.gcloud import Gcloud
from deploy.errors import CommandFailed
from deploy.failures import advice, failure
from deploy.settings import DeploySettings


@dataclass(frozen=True)
class GcloudConfig:
    """gcloud's settings, from its configuration or the environment."""

    project: str = ""
    account: str = ""
    anonymous: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, api: str) -> str:
        """The base URL of an API."""
        return self.endpoints.get(api, f"https://{api}.googleapis.com").rstrip("/")


def read_config(gcloud: Gcloud) -> GcloudConfig:
    """gcloud's settings."""
    found: dict[str, dict[str, str]] = gcloud.json(("gcloud", "config", "list")) or {}
    return GcloudConfig(
        project=found.get("core", {}).get("project", ""),
        account=found.get("core", {}).get("account", ""),
        anonymous=str(found.get("auth", {}).get("disable_credentials", "")).lower() in ("true", "1", "yes", "on", "y"),
        endpoints=found.get("api_endpoint_overrides", {}),
    )


def credentials(gcloud: Gcloud, config: GcloudConfig) -> Credentials:
    """The credentials of gcloud's account, valid for an hour."""
    if config.anonymous:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is typed in part
    token = gcloud(("gcloud", "auth", "print-access-token")).strip()
    return TokenCredentials(token)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Gateway:
    """A gateway; `config` is the last segment of the config's resource name."""

    name: str
    state: str
    config: str
    host: str


class ApiGatewayClient:
    """Reads the APIs, their configs and the gateways of a project."""

    def __init__(self, settings: DeploySettings, gcloud: Gcloud, config: GcloudConfig) -> None:
        self._settings = settings
        self._gcloud = gcloud
        self._config = config
        self._global = f"projects/{settings.project}/locations/global"
        self._regional = f"projects/{settings.project}/locations/{settings.gateway_region}"

    @cached_property
    def _credentials(self) -> Credentials:
        return credentials(self._gcloud, self._config)

    @cached_property
    def _client(self) -> ApiGatewayServiceClient:
        endpoint = self._config.endpoint("apigateway")
        return ApiGatewayServiceClient(
            transport="rest", credentials=self._credentials, client_options={"api_endpoint": endpoint}
        )

    def apis(self) -> dict[str, tuple[str, str]]:
        """State and managed service of every API in the project."""
        with self._readable_errors("APIs of API Gateway"):
            found = self._client.list_apis(parent=self._global)
            return {last_segment(api.name): (api.state.name, api.managed_service) for api in found}

    def configs(self) -> dict[str, str]:
        """State of every config of the `guichet` API."""
        with self._readable_errors("configs of API Gateway"):
            found = self._client.list_api_configs(parent=f"{self._global}/apis/{self._settings.api}")
            return {last_segment(config.name): config.state.name for config in found}

    def gateways(self) -> dict[str, Gateway]:
        """The gateways in the region."""
        with self._readable_errors("gateways of API Gateway"):
            found = self._client.list_gateways(parent=self._regional)
            return {
                last_segment(gateway.name): Gateway(
                    last_segment(gateway.name),
                    gateway.state.name,
                    last_segment(gateway.api_config),
                    gateway.default_hostname,
                )
                for gateway in found
            }

    def regions(self) -> list[str]:
        """The regions that offer API Gateway."""
        url = f"{self._config.endpoint('apigateway')}/v1/projects/{self._settings.project}/locations"
        with self._readable_errors("regions of API Gateway"):
            found = _json(self._session.get(url, timeout=30))
        return [name for location in found.get("locations", []) if (name := location["locationId"]) != "global"]

    def members(self, policy: tuple[str, str], role: str) -> frozenset[str] | None:
        """The members that have the role in an IAM policy, an API and its path; None if it cannot be read."""
        api, path = policy
        with self._readable_errors("members of an IAM policy"):
            response = self._session.get(f"{self._config.endpoint(api)}/{path}", timeout=30)
        if response.status_code != 200:
            return None
        bindings = response.json().get("bindings", [])
        return frozenset(member for binding in bindings if binding["role"] == role for member in binding["members"])

    def permissions(self, wanted: tuple[str, ...]) -> set[str]:
        """The permissions among `wanted` that the account has in the project."""
        project = self._settings.project
        url = f"{self._config.endpoint('cloudresourcemanager')}/v1/projects/{project}:testIamPermissions"
        with self._readable_errors("permissions of the account"):
            found = _json(self._session.post(url, json={"permissions": list(wanted)}, timeout=30))
        return set(found.get("permissions", []))

    @cached_property
    def _session(self) -> Any:
        if self._config.anonymous:
            return requests.Session()
        return AuthorizedSession(self._credentials)  # type: ignore[no-untyped-call]

    @contextmanager
    def _readable_errors(self, what: str) -> Iterator[None]:
        """Raises CommandFailed with the reason and the remedy if Google refuses, or does not respond."""
        try:
            yield
        except (exceptions.GoogleAPIError, requests.RequestException, GoogleAuthError) as err:
            found = failure(_error_text(err))
            remedy = advice(found, self._settings.project, ("api-gateway",))
            raise CommandFailed(f"The {what} cannot be read: {found.message} {remedy}") from err


def _error_text(err: Exception) -> str:
    """The error in gcloud's words."""
    match err:
        case exceptions.GoogleAPICallError():
            return f"HTTPError {err.code}: {err.message}"
        case requests.HTTPError():
            return f"HTTPError {err.response.status_code}: {err.response.text}"
        case GoogleAuthError():
            return f"UNAUTHENTICATED: {err}"
        case _:
            return "UNAVAILABLE: Google did not respond"


def _json(response: requests.Response) -> dict[str, Any]:
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def last_segment(name: str) -> str:
    """`a/b/c` -> `c`: the short form of a resource name."""
    return name.rsplit("/", 1)[-1]
