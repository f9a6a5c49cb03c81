"""Staged deployments: new revisions without traffic, then a part of the traffic, then all of it, or none."""

from __future__ import annotations

from dataclasses import replace

from deploy.cloud.annotations import NEXT
from deploy.cloud.commands import Commands
from deploy.cloud.current_state import CloudService, CurrentState
from deploy.errors import DeployError
from deploy.plan import api_gateway, cloud_run_services, image_builds, prerequisites, releases
from deploy.plan.desired_state import DesiredState
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Command, Plan, Step, base_url, placeholder, value_name
from deploy.recorded_state import Note, RecordedState
from deploy.settings import DeploySettings, short_name

# The options that send all traffic to the newest revision and remove the tag.
TO_NEWEST = ("--to-latest", f"--remove-tags={NEXT}")


def stage_plan(desired: DesiredState, current: CurrentState, recorded: RecordedState, settings: DeploySettings) -> Plan:
    """Builds images and deploys changed services with the tag `next` and without traffic, behind the same gateway."""
    gateway = current.gateways.get(settings.gateway)
    if gateway is None or recorded.latest is None:
        raise DeployError("There is no release yet that could keep the traffic: run `make deploy` without STAGE.")
    builder = PlanBuilder(desired, current, recorded, settings, staging=True)
    builder.known |= {"GATEWAY_URL": base_url(gateway.host), "KEY_NAME": recorded.gateway.key}
    cloud_run_services.keep_other_services(builder)
    prerequisites.accounts(builder)
    image_builds.images(builder)
    for service in (*desired.services, desired.directory, *([desired.page] if desired.page else [])):
        cloud_run_services.service(builder, service)
    if builder.steps:
        builder.remarks.append("Then compare: `make compare`. Give them the traffic: `make promote`. Or `make abort`.")
    return builder.plan


def promote_plan(
    desired: DesiredState, current: CurrentState, recorded: RecordedState, settings: DeploySettings
) -> Plan:
    """Sends all traffic to the staged revisions, updates the gateway, and makes this a release."""
    waiting = staged(current)
    # What is released is what was staged, whatever has changed in the sources since.
    contents = {name: current.services[service].content for name, service in _services(desired, current).items()}
    builder = PlanBuilder(replace(desired, contents=contents), current, recorded, settings)
    cloud_run_services.keep_other_services(builder)
    for name in builder.serving:
        there = current.services[name]
        builder.know("address", name, there.url)
        builder.know("image", short_name(name), there.image)
        builder.know("revision", name, there.staged or there.revision)
        if name in waiting:
            builder.steps.append(traffic_step(there, f"from {there.pinned} to {there.staged}", TO_NEWEST, settings))
    cloud_run_services.document(builder)
    api_gateway.api(builder)
    api_gateway.config(builder)
    api_gateway.gateway(builder)
    api_gateway.managed_service(builder)
    api_gateway.key(builder)
    releases.new_release(builder)
    return builder.plan


def share_plan(current: CurrentState, percent: int, settings: DeploySettings) -> Plan:
    """Sends a part of the traffic to the staged revisions."""
    steps = [
        traffic_step(
            there,
            f"{percent} % to {there.staged}",
            (f"--to-revisions={there.staged}={percent},{there.pinned}={100 - percent}",),
            settings,
        )
        for there in staged(current).values()
        if there.share != percent
    ]
    return Plan(tuple(steps), ("The rest follows with `make promote`; `make abort` takes it back.",))


def abort_plan(current: CurrentState, settings: DeploySettings) -> Plan:
    """Sends all traffic back to the revisions that had it before, and removes the tags."""
    steps = [
        traffic_step(there, f"back to {there.pinned}", pin(there.pinned), settings)
        for there in staged(current).values()
    ]
    return Plan(tuple(steps), ("The traffic stays pinned to these revisions until the next `make deploy`.",))


def staged(current: CurrentState) -> dict[str, CloudService]:
    """The services with a staged revision; raises DeployError if there is none."""
    found = {name: there for name, there in current.services.items() if there.staged and there.pinned}
    if not found:
        raise DeployError("Nothing is staged: `make deploy STAGE=1` deploys new revisions without traffic.")
    return found


def pin(revision: str) -> tuple[str, ...]:
    """The options that send all traffic to a revision and remove the tag."""
    return f"--to-revisions={revision}=100", f"--remove-tags={NEXT}"


def traffic_step(there: CloudService, why: str, options: tuple[str, ...], settings: DeploySettings) -> Step:
    """Changes the traffic of a service, and records the new generation."""
    commands, name = Commands(settings), there.name
    # Shown after the change, as `update-traffic` returns before it is visible; the revision shown is the newest.
    yields = tuple(value_name(what, name) for what in ("address", "newest", "generation"))
    return Step(
        f"service {name}",
        "change",
        f"service {name}",
        why,
        actions=(
            Command(commands.send_traffic(name, *options)),
            Command(commands.show_service(name), yields=yields),
        ),
        notes=(
            Note(("services", name, "url"), placeholder(yields[0])),
            Note(("services", name, "generation"), placeholder(yields[2])),
        ),
    )


def _services(desired: DesiredState, current: CurrentState) -> dict[str, str]:
    """The service of every model, of the directory and of the page; raises DeployError if one was never deployed."""
    wanted = [*(model.service for model in desired.models), desired.directory.name]
    wanted += [desired.page.name] if desired.page else []
    if absent := [name for name in wanted if name not in current.services or not current.services[name].latest]:
        raise DeployError(f"{', '.join(absent)} cannot be released: run `make deploy STAGE=1` again, or `make deploy`.")
    return {short_name(name): name for name in wanted}
