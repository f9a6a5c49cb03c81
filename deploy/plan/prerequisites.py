"""What everything else needs: enabled APIs, the repository and the service accounts."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from deploy.cloud.current_state import CurrentState
from deploy.cloud.resources import Resource
from deploy.errors import SettingsError
from deploy.plan.desired_state import ACCOUNTS
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Command
from deploy.settings import APIS

GATEWAY_REGIONS = Path(__file__).parents[1] / "cloud/gateway_regions.yaml"


def gateway_region(builder: PlanBuilder) -> None:
    """Raises SettingsError if the gateway's region does not offer API Gateway."""
    region, offered = builder.settings.gateway_region, regions(builder.current)
    if region not in offered:
        raise SettingsError(
            f"{region} does not offer API Gateway: set GATEWAY_REGION to one of {', '.join(sorted(offered))}. The"
            f" services stay in {builder.settings.region}."
        )


def regions(current: CurrentState) -> frozenset[str]:
    """The regions that offer API Gateway, as Google says or, before its API is enabled, as its documentation says."""
    return current.regions or frozenset(YAML(typ="safe", pure=True).load(GATEWAY_REGIONS))


def apis(builder: PlanBuilder) -> None:
    """Enables the Google APIs that are not enabled."""
    if missing := [api for api in APIS if api not in builder.current.enabled]:
        names = ", ".join(api.partition(".")[0] for api in missing)
        enabled = tuple(Resource("enabled API", api) for api in missing)
        builder.add("enable", "create", f"APIs {names}", [Command(builder.commands.enable(missing), creates=enabled)])


def repository(builder: PlanBuilder) -> None:
    """Creates the repository of the container images."""
    name = builder.settings.repository
    if name not in builder.current.repositories:
        command = Command(builder.commands.create_repository(), creates=(Resource("repository", name),))
        builder.add("repository", "create", f"repository {name}", [command], needs=["enable"])


def accounts(builder: PlanBuilder) -> None:
    """Creates the service accounts, which have no roles in the project."""
    for name, purpose in ACCOUNTS.items():
        if builder.settings.account(name) not in builder.current.accounts:
            command = Command(builder.commands.create_account(name, purpose), creates=(Resource("account", name),))
            builder.add(f"account {name}", "create", f"account {name}", [command], needs=["enable"])
