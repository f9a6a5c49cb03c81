"""The plan that removes what the record lists as created, in the order that Google requires, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.cloud.commands import Argv, Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.resources import Resource
from deploy.plan.monitoring import MONITORING, removals
from deploy.plan.steps import Command, Plan, Step
from deploy.recorded_state import RecordedState
from deploy.settings import DeploySettings

# Each kind, and the kinds that use it: these are removed first.
USERS: dict[str, tuple[str, ...]] = {
    "gateway": (),
    "service": (),
    "config": ("gateway",),
    "key": ("service",),
    "secret": ("service",),
    "managed service": ("config", "key"),
    "api": ("config", "managed service"),
    "account": ("service", "config"),
    "image": ("service",),
    "repository": ("service", "image"),
    "sources": ("service",),
    "role": ("service",),
    "alert": (),
    "dashboard": (),
    "metric": ("alert", "dashboard"),
}
USERS["enabled API"] = tuple(USERS)


def destroy_plan(
    current: CurrentState, recorded: RecordedState, settings: DeploySettings, *, force: bool = False
) -> Plan:
    """The plan; resources that no longer exist are only taken off the record. `force` disables APIs that are in use."""
    commands = Commands(settings)
    created = recorded.resources
    with_repository = Resource("repository", settings.repository) in created
    steps: list[Step] = []
    gone: list[Resource] = []
    for kind, users in USERS.items():
        # Newest first: an API may need one that was enabled before it.
        for resource in reversed([resource for resource in created if resource.kind == kind]):
            if not _exists(resource, current, settings) or (kind == "image" and with_repository):
                gone.append(resource)
                continue
            before = [step.id for step in steps if step.id.startswith(tuple(f"{user} " for user in users))]
            if kind == "enabled API":
                before += [step.id for step in steps if step.id.startswith("enabled API ")]
            if kind in MONITORING:
                removed = removals(resource, current, commands)
                steps.append(Step(str(resource), "remove", str(resource), "", tuple(before), removed))
                continue
            command = Command(
                _removal(resource, commands, settings, force),
                removes=resource,
                # Google refuses to disable an API that was used lately, or that another one needs.
                optional=kind == "sources" or (kind == "enabled API" and not force),
            )
            steps.append(Step(str(resource), "remove", str(resource), "", tuple(before), (command,)))
    if gone:
        steps.append(Step("forget", "check", "resources that no longer exist", forgets=tuple(gone)))
    return Plan(tuple(steps), tuple(_remarks(created, with_repository, settings)))


def _remarks(created: Iterable[Resource], with_repository: bool, settings: DeploySettings) -> Iterable[str]:
    if any(resource.kind == "image" for resource in created):
        yield "Cloud Build keeps the records and logs of its builds."
        if not with_repository:
            yield f"`up` did not create the repository {settings.repository}: it stays, without the images."


def _exists(resource: Resource, current: CurrentState, settings: DeploySettings) -> bool:
    there = {
        "gateway": current.gateways,
        "service": current.services,
        "config": current.configs,
        "key": {name for name, key in current.keys.items() if not key.deleted},
        "secret": current.secrets,
        "managed service": current.enabled,
        "api": current.apis,
        "repository": current.repositories,
        "enabled API": current.enabled,
    }
    if resource.kind == "account":
        return settings.account(resource.name) in current.accounts
    if resource.kind == "image":
        return settings.repository in current.repositories
    if resource.kind in ("role", "sources"):
        return True
    if resource.kind in MONITORING:
        return str(resource) in current.monitoring
    return resource.name in there[resource.kind]


def _removal(resource: Resource, commands: Commands, settings: DeploySettings, force: bool) -> Argv:
    name = resource.name
    match resource.kind:
        case "gateway":
            return commands.delete_gateway()
        case "service":
            return commands.delete_service(name)
        case "config":
            return commands.delete_config(name)
        case "key":
            return commands.delete_key(name)
        case "secret":
            return commands.delete_secret(name)
        case "managed service":
            return commands.disable(name, force=True)
        case "api":
            return commands.delete_api()
        case "account":
            return commands.delete_account(settings.account(name))
        case "image":
            return commands.delete_image(f"{settings.registry}/{name}")
        case "repository":
            return commands.delete_repository()
        case "enabled API":
            return commands.disable(name, force=force)
        case "role":
            role, _, member = name.partition(" of ")
            return commands.grant_role(role, member, "remove")
        case "sources" | "metric" | "dashboard" | "alert":  # the last three have commands of their own: `removals`
            return commands.delete_sources()
