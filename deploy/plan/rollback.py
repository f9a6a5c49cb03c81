"""The plan that returns to a recorded release: the services' traffic, the list of models and the gateway's config."""

from __future__ import annotations

from collections.abc import Collection

from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CurrentState
from deploy.cloud.states import ACTIVE
from deploy.errors import DeployError
from deploy.plan import cloud_run_manifests
from deploy.plan.cloud_run_services import replace_service
from deploy.plan.releases import smoke_test_step
from deploy.plan.rollout import pin, traffic_step
from deploy.plan.steps import (
    Command,
    Plan,
    RecordRelease,
    Step,
    base_url,
    placeholder,
    value_name,
)
from deploy.recorded_state import RUN_FIELDS, Note, RecordedState, Release, ReleasedService
from deploy.settings import DeploySettings, short_name
from services.catalog import Model


def chosen_release(recorded: RecordedState, number: int | None) -> Release:
    """The release with that number, or the one before the current release; raises DeployError if there is none."""
    latest = recorded.latest
    if latest is None:
        raise DeployError("There is no release to go back to: `up` records one when its smoke test passes.")
    numbers = ", ".join(str(release.release) for release in recorded.releases)
    if number is None:
        current = latest.rolled_back_to or latest.release
        earlier = [release for release in recorded.releases if release.release < current]
        if not earlier:
            raise DeployError(f"There is no release before {current}: the record has {numbers}.")
        return earlier[-1]
    for release in recorded.releases:
        if release.release == number:
            return release
    raise DeployError(f"There is no release {number}: the record has {numbers}.")


def rollback_plan(
    release: Release,
    revisions: Collection[str],
    current: CurrentState,
    recorded: RecordedState,
    settings: DeploySettings,
) -> Plan:
    """The plan; `revisions` are the names of the revisions that still exist."""
    commands = Commands(settings)
    gateway = current.gateways.get(settings.gateway)
    if gateway is None or current.configs.get(release.config) != ACTIVE:
        raise DeployError(f"Release {release.release} needs config {release.config}, which no longer exists.")
    steps: list[Step] = []
    known = {"GATEWAY_URL": base_url(gateway.host), "CONFIG": release.config, "DOCUMENT": release.document}
    remarks = []
    for name, service in release.services.items():
        there = current.services.get(name)
        known[value_name("revision", name)] = service.revision
        if there is None or service.revision not in revisions:
            steps.append(_recreated(name, service, there is not None, commands, settings))
            known.pop(value_name("revision", name))
        elif there.revision != service.revision or there.staged:
            why = f"from {there.revision} to {service.revision}"
            steps.append(traffic_step(there, why, pin(service.revision), settings))
    if release.document != recorded.document.version:
        del known["DOCUMENT"]
        steps.append(_document_again(release, commands, settings))
    if gateway.config != release.config:
        steps.append(
            Step(
                "gateway",
                "change",
                f"gateway {settings.gateway}",
                f"its config is {gateway.config}",
                tuple(step.id for step in steps),
                (Command(commands.update_gateway(release.config)),),
                (Note(("gateway", "config"), release.config),),
            )
        )
    if not steps:
        return Plan(remarks=(f"Release {release.release} is deployed already.",), known=known)
    newer = sorted({name for name in current.services if name in recorded.services} - release.services.keys())
    if newer:
        remarks.append(f"Newer than release {release.release}: {', '.join(newer)}. They keep running without a route.")
    remarks.append("The traffic of the services stays pinned to these revisions until the next `up`.")
    former = gateway.config if gateway.config != release.config else ""
    steps.append(smoke_test_step(_again(release), former, steps, settings))
    return Plan(tuple(steps), tuple(remarks), known)


def _recreated(name: str, service: ReleasedService, there: bool, commands: Commands, settings: DeploySettings) -> Step:
    """Creates a removed service or revision again, from its image and with the settings it had."""
    if name in (settings.directory, settings.page):
        raise DeployError(f"{service.revision} of {name} no longer exists: run `make deploy` instead.")
    # Whoever changes the record alone must not choose what runs.
    if not service.image.startswith((f"{settings.image(short_name(name))}:", f"{settings.image(short_name(name))}@")):
        raise DeployError(f"The record's image for {name} is not in {settings.registry}: run `make deploy` instead.")
    # The model may have left the catalog; the record has what its manifest needs.
    model = Model.model_construct(name=short_name(name), **service.model_dump(include=set(RUN_FIELDS)))
    manifest = cloud_run_manifests.stamped(
        cloud_run_manifests.model_manifest(model, service.image, settings), service.content
    )
    actions, notes = replace_service(name, manifest, there, settings)
    caller = f"serviceAccount:{settings.account(cloud_run_manifests.GATEWAY_ACCOUNT)}"
    return Step(
        f"service {name}",
        "change" if there else "create",
        f"service {name}",
        f"{service.revision} was removed",
        actions=(*actions, Command(commands.allow_calls(name, caller))),
        notes=(*notes, Note(("services", name, "invoker"), caller)),
    )


def _document_again(release: Release, commands: Commands, settings: DeploySettings) -> Step:
    secret = settings.document_secret
    again = Command(
        commands.add_version(secret), yields=("DOCUMENT",), reads=commands.read_secret(secret, release.document)
    )
    return Step(
        "document",
        "change",
        "the list of models",
        f"version {release.document} again",
        actions=(again,),
        # Without a content hash, the next `up` writes its own document.
        notes=(Note(("document", "content"), ""), Note(("document", "version"), placeholder("DOCUMENT"))),
    )


def _again(release: Release) -> RecordRelease:
    return RecordRelease(
        config=release.config,
        document=placeholder("DOCUMENT"),
        models=release.models,
        services={
            name: {**service.model_dump(exclude_defaults=True), "revision": placeholder(value_name("revision", name))}
            for name, service in release.services.items()
        },
        rolled_back_to=release.rolled_back_to or release.release,
    )
