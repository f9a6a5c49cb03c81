"""Google's API Gateway, read with its client library, as the account and at the addresses that gcloud uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.apigateway_v1 import ApiGatewayServiceClient
from google.oauth2.credentials import Credentials as TokenCredentials

from deploy.errors import CommandFailed
from deploy.runner import Gcloud
from deploy.settings import Settings


@dataclass(frozen=True)
class GcloudConfig:
    """gcloud's settings, wherever they were made: in its configuration or in the environment."""

    project: str = ""
    account: str = ""
    anonymous: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, api: str) -> str:
        """Where an API is served."""
        return self.endpoints.get(api, f"https://{api}.googleapis.com").rstrip("/")


def read_config(gcloud: Gcloud) -> GcloudConfig:
    """gcloud's settings."""
    told: dict[str, dict[str, str]] = gcloud.json(("gcloud", "config", "list")) or {}
    return GcloudConfig(
        project=told.get("core", {}).get("project", ""),
        account=told.get("core", {}).get("account", ""),
        anonymous=str(told.get("auth", {}).get("disable_credentials", "")).lower() in ("true", "1", "yes", "on", "y"),
        endpoints=told.get("api_endpoint_overrides", {}),
    )


def credentials(gcloud: Gcloud, config: GcloudConfig) -> Credentials:
    """The credentials of gcloud's account, for an hour."""
    if config.anonymous:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is typed in part
    token = gcloud.must(("gcloud", "auth", "print-access-token")).strip()
    return TokenCredentials(token)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Gateway:
    """A gateway; `config` is the last segment of its config's name."""

    name: str
    state: str
    config: str
    host: str


class GatewayApi:
    """The API, its configs and gateways, as they are."""

    def __init__(self, settings: Settings, gcloud: Gcloud, config: GcloudConfig) -> None:
        self._settings = settings
        self._gcloud = gcloud
        self._config = config
        self._global = f"projects/{settings.project}/locations/global"
        self._regional = f"projects/{settings.project}/locations/{settings.region}"

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
        """State and managed service of every API of the project."""
        with _sentences("apis"):
            found = self._client.list_apis(parent=self._global)
            return {_last(api.name): (api.state.name, api.managed_service) for api in found}

    def configs(self) -> dict[str, str]:
        """State of every config of our API."""
        with _sentences("configs"):
            found = self._client.list_api_configs(parent=f"{self._global}/apis/{self._settings.api}")
            return {_last(config.name): config.state.name for config in found}

    def gateways(self) -> dict[str, Gateway]:
        """Every gateway of the region."""
        with _sentences("gateways"):
            found = self._client.list_gateways(parent=self._regional)
            return {
                _last(gateway.name): Gateway(
                    _last(gateway.name), gateway.state.name, _last(gateway.api_config), gateway.default_hostname
                )
                for gateway in found
            }

    def regions(self) -> list[str]:
        """The regions in which gateways can be made."""
        return [place["locationId"] for place in self._get("apigateway", "locations").get("locations", [])]

    def permissions(self, wanted: tuple[str, ...]) -> set[str]:
        """Those of `wanted` that the account has in the project."""
        project = self._settings.project
        url = f"{self._config.endpoint('cloudresourcemanager')}/v1/projects/{project}:testIamPermissions"
        answer = self._session.post(url, json={"permissions": list(wanted)}, timeout=30)
        return set(_checked(answer).get("permissions", []))

    @cached_property
    def _session(self) -> Any:
        if self._config.anonymous:
            import requests

            return requests.Session()
        return AuthorizedSession(self._credentials)  # type: ignore[no-untyped-call]

    def _get(self, api: str, what: str) -> dict[str, Any]:
        url = f"{self._config.endpoint(api)}/v1/projects/{self._settings.project}/{what}"
        return _checked(self._session.get(url, timeout=30))


def _checked(answer: Any) -> dict[str, Any]:
    if answer.status_code != 200:
        raise CommandFailed(f"{answer.url} answered {answer.status_code}: {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    try:
        yield
    except exceptions.GoogleAPICallError as err:
        remedy = {
            401: "Sign in with `gcloud auth login`.",
            403: "Ask an owner for roles/apigateway.viewer, or run `make doctor FIX=1`.",
        }.get(int(err.code or 0), "Run again later.")
        raise CommandFailed(f"The {what} of API Gateway cannot be read: {err.message} {remedy}") from err
    except exceptions.RetryError as err:
        raise CommandFailed(
            f"The {what} of API Gateway cannot be read: Google does not answer. Run again later."
        ) from err


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
