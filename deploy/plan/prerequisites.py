"""What everything else needs: enabled APIs, the repository and the service accounts."""

from __future__ import annotations

from deploy.cloud.resources import Resource
from deploy.plan.desired_state import ACCOUNTS
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Command
from deploy.settings import APIS


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
