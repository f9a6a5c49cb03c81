"""The plan of a deployment: the steps that turn the current state into the desired state."""

from __future__ import annotations

from deploy.cloud.current_state import CurrentState
from deploy.plan import api_gateway, cloud_run_services, image_builds, monitoring, prerequisites, releases
from deploy.plan.desired_state import DesiredState
from deploy.plan.plan_builder import PlanBuilder
from deploy.plan.steps import Plan
from deploy.recorded_state import RecordedState
from deploy.settings import DeploySettings


def deployment_plan(
    desired: DesiredState,
    current: CurrentState,
    recorded: RecordedState,
    settings: DeploySettings,
    *,
    rebuild: frozenset[str] = frozenset(),
    new_key: str,
) -> Plan:
    """The plan, empty if nothing differs.

    `rebuild` names images to build even if they exist; `new_key` is the name of the API key to create if there is none.
    """
    builder = PlanBuilder(desired, current, recorded, settings, rebuild, new_key)
    prerequisites.gateway_region(builder)
    cloud_run_services.keep_other_services(builder)
    prerequisites.apis(builder)
    prerequisites.repository(builder)
    prerequisites.accounts(builder)
    image_builds.images(builder)
    for service in desired.services:
        cloud_run_services.service(builder, service)
    cloud_run_services.document(builder)
    cloud_run_services.service(builder, desired.directory)
    api_gateway.api(builder)
    api_gateway.config(builder)
    api_gateway.gateway(builder)
    api_gateway.managed_service(builder)
    api_gateway.key(builder)
    if desired.page:
        cloud_run_services.service(builder, desired.page)
    releases.new_release(builder)
    releases.removals(builder)
    monitoring.monitoring(builder)
    return builder.plan


def image_build_plan(
    desired: DesiredState,
    current: CurrentState,
    recorded: RecordedState,
    settings: DeploySettings,
    rebuild: frozenset[str] = frozenset(),
) -> Plan:
    """The part of the plan that builds images, and its prerequisites."""
    builder = PlanBuilder(desired, current, recorded, settings, rebuild)
    prerequisites.apis(builder)
    prerequisites.repository(builder)
    image_builds.images(builder)
    return builder.plan
