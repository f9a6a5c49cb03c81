"""Back to a recorded release: the services' traffic, what the directory lists and the gateway's config together."""

from __future__ import annotations

import json
from collections.abc import Collection

from deploy import manifests
from deploy.actual import Actual
from deploy.commands import Commands
from deploy.errors import DeployError
from deploy.record import Recorded, Release, ReleasedService
from deploy.settings import Settings
from deploy.steps import (
    Action,
    Command,
    Conclude,
    Note,
    Plan,
    Prove,
    Resource,
    Step,
    Write,
    origin,
    placeholder,
    value_name,
)
from services.catalog import Model


def chosen_release(recorded: Recorded, number: int | None) -> Release:
    """The release with that number, or the one before the present; DeployError says which there are."""
    latest = recorded.latest
    if latest is None:
        raise DeployError("There is no release to go back to: `up` records one when every model has answered.")
    there = ", ".join(str(release.release) for release in recorded.releases)
    if number is None:
        present = latest.rolled_back_to or latest.release
        earlier = [release for release in recorded.releases if release.release < present]
        if not earlier:
            raise DeployError(f"There is no release before {present}: the record has {there}.")
        return earlier[-1]
    for release in recorded.releases:
        if release.release == number:
            return release
    raise DeployError(f"There is no release {number}: the record has {there}.")


def rollback_plan(
    release: Release, revisions: Collection[str], actual: Actual, recorded: Recorded, settings: Settings
) -> Plan:
    """The steps back; `revisions` are the names of those that Cloud Run still has."""
    commands = Commands(settings)
    gateway = actual.gateways.get(settings.gateway)
    if gateway is None or actual.configs.get(release.config) != "ACTIVE":
        raise DeployError(f"Release {release.release} needs config {release.config}, which is not there any more.")
    steps: list[Step] = []
    known = {"GATEWAY_URL": origin(gateway.host), "CONFIG": release.config, "DOCUMENT": release.document}
    remarks = []
    for name, service in release.services.items():
        there = actual.services.get(name)
        known[value_name("revision", name)] = service.revision
        if there is None or service.revision not in revisions:
            steps.append(_brought_back(name, service, there is not None, commands, settings))
            known.pop(value_name("revision", name))
        elif there.revision != service.revision:
            steps.append(_sent_back(name, service.revision, there.revision, commands))
    if release.document != recorded.document.version:
        del known["DOCUMENT"]
        steps.append(_listed_again(release, commands, settings))
    if gateway.config != release.config:
        steps.append(
            Step(
                "gateway",
                "change",
                f"gateway {settings.gateway}",
                f"it has {gateway.config}",
                tuple(step.id for step in steps),
                (Command(commands.update_gateway(release.config)),),
                (Note(("gateway", "config"), release.config),),
            )
        )
    if not steps:
        return Plan(remarks=(f"Release {release.release} is what is there.",), known=known)
    newer = sorted({name for name in actual.services if name in recorded.services} - release.services.keys())
    if newer:
        remarks.append(
            f"Newer than release {release.release}: {', '.join(newer)}. They stay, and no route leads to them."
        )
    remarks.append("The traffic of services that went back stays pinned to their revision until the next `up`.")
    steps.append(_proven(release, gateway.config, steps, settings, commands))
    return Plan(tuple(steps), tuple(remarks), known)


def _sent_back(name: str, revision: str, present: str, commands: Commands) -> Step:
    return Step(
        f"service {name}",
        "change",
        f"service {name}",
        f"from {present} to {revision}",
        actions=(Command(commands.send_traffic(name, revision)), _shown(name, commands)),
        notes=_noted(name),
    )


def _brought_back(name: str, service: ReleasedService, there: bool, commands: Commands, settings: Settings) -> Step:
    """A service or revision that was removed since: made anew from its image, with the settings it had."""
    if name in (settings.directory, settings.page):
        raise DeployError(f"{service.revision} of {name} is not there any more: run `make deploy` instead.")
    # The catalog may not know the model any more; the record holds what its manifest needs.
    model = Model.model_construct(
        name=name.removeprefix("guichet-"),
        **service.model_dump(include={"cpu", "memory", "concurrency", "min_instances", "max_instances", "deadline"}),
    )
    manifest = manifests.stamped(manifests.model_manifest(model, service.image, settings), service.content)
    file = settings.file(f"{name}.json")
    caller = f"serviceAccount:{settings.account(manifests.GATEWAY_ACCOUNT)}"
    yields = tuple(value_name(what, name) for what in ("address", "revision", "generation"))
    created = () if there else (Resource("service", name),)
    actions: list[Action] = [
        Write(file, json.dumps(manifest, indent=1) + "\n"),
        Command(commands.replace_service(file), yields=yields, creates=created),
        Command(commands.allow_calls(name, caller)),
    ]
    notes = (*_noted(name), Note(("services", name, "invoker"), caller))
    why = f"{service.revision} was removed since"
    return Step(f"service {name}", "change" if there else "create", f"service {name}", why, (), tuple(actions), notes)


def _listed_again(release: Release, commands: Commands, settings: Settings) -> Step:
    secret = settings.document_secret
    again = Command(
        commands.add_version(secret), yields=("DOCUMENT",), reads=commands.read_secret(secret, release.document)
    )
    return Step(
        "document",
        "change",
        "what the directory lists",
        f"version {release.document} again",
        actions=(again,),
        # The content is left open: the next `up` then compares nothing, and adds its own.
        notes=(Note(("document", "content"), ""), Note(("document", "version"), placeholder("DOCUMENT"))),
    )


def _proven(release: Release, config: str, steps: list[Step], settings: Settings, commands: Commands) -> Step:
    back = config if config != release.config else ""
    prove = Prove(
        address=placeholder("GATEWAY_URL"),
        routes=tuple(f"/v1/models/{model}/ready" for model in release.models),
        key=commands.read_secret(settings.key_secret),
        former=back,
        undo=commands.update_gateway(back) if back else (),
    )
    conclude = Conclude(
        config=release.config,
        document=placeholder("DOCUMENT"),
        models=release.models,
        services={
            name: {**service.model_dump(exclude_defaults=True), "revision": placeholder(value_name("revision", name))}
            for name, service in release.services.items()
        },
        rolled_back_to=release.rolled_back_to or release.release,
    )
    count = f"{len(release.models)} model{'s' * (len(release.models) != 1)}"
    needs = tuple(step.id for step in steps)
    return Step("prove", "check", f"a first request to {count}", "", needs, (prove, conclude))


def _shown(name: str, commands: Commands) -> Command:
    """What is there after the traffic was sent: the revision here is the newest, which is not the one that serves."""
    yields = (value_name("address", name), value_name("newest", name), value_name("generation", name))
    return Command(commands.show_service(name), yields=yields)


def _noted(name: str) -> tuple[Note, ...]:
    return (
        Note(("services", name, "url"), placeholder(value_name("address", name))),
        Note(("services", name, "generation"), placeholder(value_name("generation", name))),
    )
