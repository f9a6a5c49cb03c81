"""The way out: what the record lists as created is removed, in the order that Google demands, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.actual import Actual
from deploy.commands import Argv, Commands
from deploy.record import Recorded
from deploy.settings import Settings
from deploy.steps import Command, Plan, Resource, Step

# What is in use cannot be removed: each kind goes after those that use it.
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
    "enabled API": (
        "gateway",
        "service",
        "config",
        "key",
        "secret",
        "managed service",
        "api",
        "account",
        "image",
        "repository",
    ),
}


def down_plan(actual: Actual, recorded: Recorded, settings: Settings) -> Plan:
    """The steps; what is gone already is only taken off the list."""
    commands = Commands(settings)
    created = recorded.resources
    with_repository = Resource("repository", settings.repository) in created
    steps: list[Step] = []
    gone: list[Resource] = []
    for kind, users in USERS.items():
        # The last one first: an API may need one that was enabled before it.
        for resource in reversed([resource for resource in created if resource.kind == kind]):
            if not _is_there(resource, actual, settings) or (kind == "image" and with_repository):
                gone.append(resource)
                continue
            before = [step.id for step in steps if step.id.startswith(tuple(f"{user} " for user in users))]
            if kind == "enabled API":
                before += [step.id for step in steps if step.id.startswith("enabled API ")]
            command = Command(
                _removal(resource, commands, settings),
                removes=resource,
                # Google refuses to disable what anything else in the project needs, and is right.
                optional=kind == "enabled API",
            )
            steps.append(Step(str(resource), "remove", str(resource), "", tuple(before), (command,)))
    if gone:
        steps.append(Step("forget", "check", "what is gone already", forgets=tuple(gone)))
    return Plan(tuple(steps), tuple(_left(created, with_repository, settings)))


def _left(created: Iterable[Resource], with_repository: bool, settings: Settings) -> Iterable[str]:
    if any(resource.kind == "image" for resource in created):
        yield (
            "Cloud Build keeps its records, and the sources it was given: remove those with"
            f" `gcloud storage rm --recursive {settings.staging}`."
        )
    if not with_repository:
        yield f"The repository {settings.repository} was not created by `up`: it stays, without our images."


def _is_there(resource: Resource, actual: Actual, settings: Settings) -> bool:
    there = {
        "gateway": actual.gateways,
        "service": actual.services,
        "config": actual.configs,
        "key": {name for name, key in actual.keys.items() if not key.deleted},
        "secret": actual.secrets,
        "managed service": actual.enabled,
        "api": actual.apis,
        "repository": actual.repositories,
        "enabled API": actual.enabled,
    }
    if resource.kind == "account":
        return settings.account(resource.name) in actual.accounts
    if resource.kind == "image":
        return settings.repository in actual.repositories
    return resource.name in there[resource.kind]


def _removal(resource: Resource, commands: Commands, settings: Settings) -> Argv:
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
            return commands.disable(name)
